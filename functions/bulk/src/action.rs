//! Action lines: each says how to handle the document on the next line.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use shared::json::Text;

/// How to handle a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Index,
    Update,
    Delete,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// Whether the next line is a document.
    pub(crate) fn has_document(self) -> bool {
        self != Self::Delete
    }

    fn parse(name: &str) -> Option<Self> {
        let all = [Self::Create, Self::Index, Self::Update, Self::Delete];
        all.into_iter().find(|operation| operation.name() == name)
    }
}

/// An action, such as `{"create":{"_index":"logs","_id":"1"}}`. Members other than the index and
/// the id have no meaning for log entries and are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action<'a> {
    pub(crate) operation: Operation,
    pub(crate) index: Option<Cow<'a, str>>,
    pub(crate) id: Option<Cow<'a, str>>,
}

impl<'a> Action<'a> {
    /// Parses an action line.
    ///
    /// # Errors
    /// When the line is not an action; the error says what is wrong with it.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, String> {
        let line = std::str::from_utf8(line).map_err(|error| error.to_string())?;
        serde_json::from_str(line).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for Action<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ActionVisitor)
    }
}

struct ActionVisitor;

impl<'de> Visitor<'de> for ActionVisitor {
    type Value = Action<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of [create, delete, index, update]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let expected = "expected one of [create, delete, index, update]";
        let Some(Text(name)) = map.next_key()? else {
            return Err(A::Error::custom(format_args!("{expected} but found nothing")));
        };
        let Some(operation) = Operation::parse(&name) else {
            let name: String = name.chars().take(64).collect();
            return Err(A::Error::custom(format_args!("{expected} but found [{name}]")));
        };
        let Metadata { index, id } = map.next_value()?;
        // winston-elasticsearch adds the number of its attempts.
        while let Some((Text(name), IgnoredAny)) = map.next_entry()? {
            if Operation::parse(&name).is_some() {
                return Err(A::Error::custom("expected one action, but found another"));
            }
        }
        Ok(Action { operation, index, id })
    }
}

/// The members of an action that have a meaning for log entries.
#[derive(Default)]
struct Metadata<'a> {
    index: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
}

impl<'de> Deserialize<'de> for Metadata<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata = Metadata::default();
        while let Some(Text(name)) = map.next_key()? {
            match name.as_ref() {
                "_index" => metadata.index = simple_value::<A::Error>("_index", map.next_value()?)?,
                "_id" => metadata.id = simple_value::<A::Error>("_id", map.next_value()?)?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(metadata)
    }
}

/// The text of a string, number or boolean; `None` if it is null or empty.
fn simple_value<'a, E: Error>(name: &str, json: &'a RawValue) -> Result<Option<Cow<'a, str>>, E> {
    let json = json.get();
    let text = match json.as_bytes().first() {
        Some(b'n') => return Ok(None),
        Some(b'{' | b'[') => {
            return Err(E::custom(format_args!("expected a simple value for [{name}]")));
        }
        Some(b'"') => serde_json::from_str::<Text<'a>>(json).map_err(E::custom)?.0,
        _ => Cow::Borrowed(json),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(Operation, Option<String>, Option<String>), String> {
        let Action { operation, index, id } = Action::parse(line.as_bytes())?;
        Ok((operation, index.map(Cow::into_owned), id.map(Cow::into_owned)))
    }

    #[test]
    fn actions_have_an_operation_and_optionally_an_index_and_id() {
        let some = |text: &str| Some(text.to_owned());
        for (line, expected) in [
            (r#"{"create":{}}"#, (Operation::Create, None, None)),
            (r#"{"create":{"_index":"a","_type":"_doc"}}"#, (Operation::Create, some("a"), None)),
            (r#" { "index" : { "_index": "a" } } "#, (Operation::Index, some("a"), None)),
            (
                r#"{"index":{"_id":"\u0031","_index":"\"a\""}}"#,
                (Operation::Index, some("\"a\""), some("1")),
            ),
            (r#"{"index":{"_id":17,"_index":null}}"#, (Operation::Index, None, some("17"))),
            (r#"{"index":{"_id":"","pipeline":null}}"#, (Operation::Index, None, None)),
            (
                r#"{"index":{"require_alias":true,"routing":["a"],"dynamic_templates":{"a":{}}}}"#,
                (Operation::Index, None, None),
            ),
            (r#"{"index":{"_index":"a"},"attempts":0}"#, (Operation::Index, some("a"), None)),
            (r#"{"update":{"_id":"1"}}"#, (Operation::Update, None, some("1"))),
            (r#"{"delete":{"_id":"1"}}"#, (Operation::Delete, None, some("1"))),
        ] {
            assert_eq!(parse(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn the_error_for_a_malformed_action_describes_the_mistake() {
        for (line, mistake) in [
            ("{}", "but found nothing"),
            (r#"{"message":"a"}"#, "but found [message]"),
            (r#"{"Index":{}}"#, "but found [Index]"),
            (r#"{"index":{},"create":{}}"#, "expected one action"),
            (r#"{"index":{},"attempts":0,"create":{}}"#, "expected one action"),
            (r#"{"index":["a","b"]}"#, "expected an object"),
            (r#"{"index":null}"#, "expected an object"),
            (r#"{"index":{"_index":["a"]}}"#, "a simple value for [_index]"),
            (r#"{"index":{"_id":{}}}"#, "a simple value for [_id]"),
            (r#"{"index":{"_id":"\ud800"}}"#, "hex escape"),
            (r#"{"index":{}} {}"#, "trailing characters"),
            (r#"{"index":{}"#, "EOF"),
            ("[]", "expected one of [create, delete, index, update]"),
            ("index", "expected value"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(mistake), "{line}: {error}");
        }
        assert!(Action::parse(b"{\"index\":{\"_id\":\"\xff\"}}").unwrap_err().contains("utf-8"));
    }

    #[test]
    fn ignored_members_may_nest_deeply() {
        let depth = 10_000;
        let routing = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&format!(r#"{{"index":{{"routing":{routing}}}}}"#)).is_ok());
    }
}
