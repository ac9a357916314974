//! Named values: labels, structured metadata, and the fields of a parsed line.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use shared::json::Text;

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Value<'a>,
}

/// A string, or any JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Json(&'a str),
}

impl<'a> Field<'a> {
    pub(crate) fn text(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Self { name: name.into(), value: Value::Text(value.into()) }
    }

    pub(crate) fn json(name: impl Into<Cow<'a, str>>, json: &'a str) -> Self {
        Self { name: name.into(), value: Value::Json(json) }
    }
}

impl Field<'_> {
    /// The approximate size of the field.
    pub(crate) fn bytes(&self) -> usize {
        let value = match &self.value {
            Value::Text(text) => text.len(),
            Value::Json(json) => json.len(),
        };
        self.name.len() + value
    }
}

impl Value<'_> {
    /// The text of a string, or the JSON of any other value.
    pub(crate) fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Json(json) => match serde_json::from_str(json) {
                Ok(Text(text)) => text,
                Err(_) => Cow::Borrowed(json),
            },
        }
    }
}

/// The maximum number of members. A list of many more would take far more memory than their JSON.
const MAX_MEMBERS: usize = 100_000;

/// The members of a JSON object, in order; none for `null`.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(pub(crate) Vec<Field<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(8));
        while let Some((Text(name), json)) = map.next_entry::<Text<'_>, &RawValue>()? {
            if fields.len() == MAX_MEMBERS {
                return Err(A::Error::custom(format_args!("more than {MAX_MEMBERS} members")));
            }
            fields.push(Field::json(name, json.get()));
        }
        Ok(Members(fields))
    }

    fn visit_unit<E>(self) -> Result<Members<'de>, E> {
        Ok(Members::default())
    }
}
