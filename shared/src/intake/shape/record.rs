//! A record: the fields of one event, in the order in which they were sent.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::field::Field;
use super::value::Value;
use crate::json::Text;
use crate::log_entry::ValidationError;

/// The initial capacity of the list of fields.
const INITIAL_FIELDS: usize = 16;

/// The maximum number of fields. A list of many more would take far more memory than their JSON.
const MAX_FIELDS: usize = 100_000;

/// The fields of one event, in order.
#[derive(Debug, Default)]
pub struct Record<'a> {
    fields: Vec<Field<'a>>,
    /// Attributes that the protocol adds to the event.
    extra: Vec<Field<'a>>,
    /// The text that the fields were parsed from.
    pub(super) original: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// Reads the fields of a JSON object.
    ///
    /// # Errors
    /// When `json` is not a JSON object.
    pub fn from_json(json: &'a str) -> Result<Self, ValidationError> {
        serde_json::from_str(json).map_err(|error| {
            if error.is_data() {
                return ValidationError::whole("the entry must be a JSON object");
            }
            ValidationError::whole(&format!("the entry is not valid JSON: {error}"))
        })
    }

    /// Adds a field.
    pub fn push(&mut self, field: Field<'a>) {
        self.fields.push(field);
    }

    /// Adds a field with a string value.
    pub fn push_text(&mut self, name: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) {
        self.push(Field::text(name, text));
    }

    /// Adds a field with the given JSON as its value. The JSON must be valid.
    pub fn push_json(&mut self, name: impl Into<Cow<'a, str>>, json: impl Into<Cow<'a, str>>) {
        self.push(Field::json(name, json));
    }

    /// The JSON array in the field with this name, if the record has no other field.
    #[must_use]
    pub fn only_array(&self, name: &str) -> Option<&'a str> {
        let [field] = self.fields.as_slice() else { return None };
        match field.borrowed() {
            Some(Value::Json(json)) if field.name == name && json.starts_with('[') => Some(json),
            _ => None,
        }
    }

    /// Adds an attribute that is not part of the record. It never becomes the entry's time, level,
    /// service or message. If the record has a field with this name, the record's field is kept
    /// instead.
    pub fn push_attribute(&mut self, name: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) {
        let name = name.into();
        if !self.has(&name) {
            self.extra.push(Field::text(name, text));
        }
    }

    /// Keeps the text that the fields were parsed from as an attribute, unless it is the message.
    pub fn parsed_from(&mut self, original: &'a str) {
        self.original = Some(original);
    }

    /// Whether the record has no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields, in order.
    #[must_use]
    pub fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The fields, in order.
    #[must_use]
    pub fn into_fields(self) -> Vec<Field<'a>> {
        self.fields
    }

    pub(super) fn extra(&self) -> &[Field<'a>] {
        &self.extra
    }

    /// The value of the first field with this name.
    pub(super) fn value(&self, name: &str) -> Option<Value<'_>> {
        self.fields.iter().find(|field| field.name == name).map(Field::value)
    }

    /// Whether a field has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The record as a JSON object.
    pub(super) fn to_json(&self) -> String {
        let mut json = String::from("{");
        for field in &self.fields {
            field.write(&mut json);
        }
        json.push('}');
        json
    }
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record<'de>, A::Error> {
        let fields = Vec::with_capacity(INITIAL_FIELDS);
        let mut record = Record { fields, extra: Vec::new(), original: None };
        while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            if record.fields.len() == MAX_FIELDS {
                return Err(A::Error::custom(format_args!("more than {MAX_FIELDS} fields")));
            }
            record.push_json(name, value.get());
        }
        Ok(record)
    }
}
