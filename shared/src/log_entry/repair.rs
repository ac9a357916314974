//! Repairs the JSON of an entry that could not be parsed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{UnknownFields, optional};
use crate::json::{Text, without_lone_surrogates};

/// The names of an entry's fields.
const FIELDS: [&str; 9] = [
    "id",
    "timestamp",
    "level",
    "service_name",
    "service",
    "message",
    "attributes",
    "trace_id",
    "span_id",
];

/// The text without its byte order mark and without halves of surrogate pairs, and with unknown
/// fields moved into the attributes if they are to be kept. `None` if nothing can be repaired.
pub(super) fn repair(json: &str, unknown: UnknownFields) -> Option<Cow<'_, str>> {
    let text = without_lone_surrogates(json.strip_prefix('\u{feff}').unwrap_or(json));
    if unknown == UnknownFields::Keep
        && let Some(kept) = with_unknown_fields(&text)
    {
        return Some(Cow::Owned(kept));
    }
    (text.len() < json.len() || matches!(text, Cow::Owned(_))).then_some(text)
}

/// The entry with its unknown fields in its attributes; `None` if it has none, or if that is
/// impossible.
fn with_unknown_fields(json: &str) -> Option<String> {
    let Fields(fields) = serde_json::from_str(json).ok()?;
    let (known, unknown): (Vec<Field<'_>>, Vec<Field<'_>>) =
        fields.into_iter().partition(|(name, _)| FIELDS.contains(&&**name));
    if unknown.is_empty() {
        return None;
    }
    let mut entry = String::with_capacity(json.len() + 32);
    let mut attributes = Attributes::default();
    for (name, value) in known {
        if name != "attributes" {
            push_member(&mut entry, &name, value);
        } else if !optional::is_absent(value.get()) {
            let Fields(fields) = serde_json::from_str(value.get()).ok()?;
            for (name, value) in fields {
                attributes.push(name, value);
            }
        }
    }
    for (name, value) in unknown {
        let name = attributes.unused_name(name);
        attributes.push(name, value);
    }
    entry.push_str(if entry.is_empty() { "{" } else { "," });
    entry.push_str("\"attributes\":");
    entry.push_str(&attributes.json);
    entry.push_str("}}");
    Some(entry)
}

/// The fields of a JSON object in their order. Several may have the same name.
struct Fields<'a>(Vec<Field<'a>>);

type Field<'a> = (Cow<'a, str>, &'a RawValue);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor).map(Self)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<Field<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((Text(name), value)) = map.next_entry()? {
            fields.push((name, value));
        }
        Ok(fields)
    }
}

/// Attributes that are being written, without the closing brace.
#[derive(Default)]
struct Attributes<'a> {
    json: String,
    /// Each name in use, and the next suffix to try.
    names: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Attributes<'a> {
    fn push(&mut self, name: Cow<'a, str>, value: &RawValue) {
        push_member(&mut self.json, &name, value);
        self.names.entry(name).or_insert(2);
    }

    /// The name, or one that is not in use: `host_2` if there is a `host`.
    fn unused_name(&mut self, name: Cow<'a, str>) -> Cow<'a, str> {
        let Some(mut number) = self.names.get(&name).copied() else {
            return name;
        };
        let mut unused = format!("{name}_{number}");
        while self.names.contains_key(&*unused) {
            number += 1;
            unused = format!("{name}_{number}");
        }
        self.names.insert(name, number + 1);
        unused.into()
    }
}

/// Appends a member to the JSON of an object that has no closing brace yet.
fn push_member(json: &mut String, name: &str, value: &RawValue) {
    json.push(if json.is_empty() { '{' } else { ',' });
    if name.contains(|c: char| c == '"' || c == '\\' || c.is_control()) {
        json.push_str(&serde_json::Value::from(name).to_string());
    } else {
        json.push('"');
        json.push_str(name);
        json.push('"');
    }
    json.push(':');
    json.push_str(value.get());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::{NewLogEntry, ValidationError};

    fn attributes(fields: &str) -> String {
        let json = format!(r#"{{"service":"a","message":"m",{fields}}}"#);
        let entry = NewLogEntry::parse(json.as_bytes(), UnknownFields::Keep);
        let entry = entry.map_err(ValidationError::from).unwrap();
        entry.attributes.unwrap().as_str().to_owned()
    }

    #[test]
    fn unknown_fields_become_attributes_verbatim() {
        for (fields, expected) in [
            (r#""host":"a","n":1.10"#, r#"{"host":"a","n":1.10}"#),
            (r#""b":{"c": [1]},"attributes":{"a":"\u0041"}"#, r#"{"a":"\u0041","b":{"c": [1]}}"#),
            (r#""host":1,"attributes":null"#, r#"{"host":1}"#),
            (r#""host":1,"attributes":[]"#, r#"{"host":1}"#),
            (r#""a\"b":null"#, r#"{"a\"b":null}"#),
            (r#""cut":"\ud83d""#, r#"{"cut":"\ufffd"}"#),
        ] {
            assert_eq!(attributes(fields), expected, "{fields}");
        }
    }

    #[test]
    fn a_name_that_is_in_use_gets_a_number() {
        let fields = r#""a":1,"a":2,"a_3":3,"attributes":{"a":4,"a_2":5}"#;
        assert_eq!(attributes(fields), r#"{"a":4,"a_2":5,"a_3":1,"a_4":2,"a_3_2":3}"#);
        let many = vec![r#""a":1"#; 100_000].join(",");
        assert!(attributes(&many).ends_with(r#","a_100000":1}"#));
    }

    #[test]
    fn other_errors_remain_when_unknown_fields_are_kept() {
        for (json, detail) in [
            (r#"{"service":"a","host":1}"#, "message: is required"),
            (r#"{"service":"a","message":"m","host":1,"attributes":1}"#, "attributes: must be an"),
            (r#"["host"]"#, "must be a JSON object"),
            (r#"{"host":1"#, "not valid JSON"),
        ] {
            let error = NewLogEntry::parse(json.as_bytes(), UnknownFields::Keep).unwrap_err();
            let error = ValidationError::from(error).detail;
            assert!(error.contains(detail), "{json}: {error}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_a_replacement_character() {
        let json =
            br#"{"service":"a","message":"cut \ud83d","attributes":{"a":"\udc00 \ud83d\ude00"}}"#;
        let entry = NewLogEntry::from_json(json).unwrap();
        assert_eq!(entry.message, "cut \u{fffd}");
        assert_eq!(entry.attributes.unwrap().as_str(), r#"{"a":"\ufffd \ud83d\ude00"}"#);
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        for message in ["m", "\\ud83d"] {
            let json = format!("\u{feff}{{\"service\":\"a\",\"message\":\"{message}\"}}");
            assert!(NewLogEntry::from_json(json.as_bytes()).is_ok(), "{json}");
        }
    }
}
