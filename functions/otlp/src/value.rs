//! A value of any type (`AnyValue`), read lazily from protobuf or JSON, and its conversion to JSON.

use std::borrow::Cow;
use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::invalid::Invalid;
use crate::{json, protobuf};

/// The maximum nesting depth of a value. Protobuf's own readers have the same limit.
pub(crate) const MAX_NESTING: usize = 100;

/// A value of any type. The elements of an array or a map are read only when they are needed.
#[derive(Debug, Clone)]
pub(crate) enum Any<'a> {
    Empty,
    Text(Cow<'a, str>),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// A JSON number, as it was sent.
    Number(&'a str),
    Bytes(Cow<'a, [u8]>),
    Array(Elements<'a>),
    Map(Pairs<'a>),
}

/// The elements of an array.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Elements<'a> {
    /// An `ArrayValue`.
    Protobuf(&'a [u8]),
    Json(&'a [json::AnyValue<'a>]),
}

/// Keys and values: a map, or attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pairs<'a> {
    /// The field with this number in a message.
    Protobuf(&'a [u8], u64),
    Json(&'a [json::KeyValue<'a>]),
}

impl<'a> Elements<'a> {
    fn try_for_each(
        self,
        mut visit: impl FnMut(Any<'a>) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        match self {
            Self::Protobuf(array) => {
                protobuf::messages(array, 1).try_for_each(|value| visit(protobuf::any(value?)?))
            }
            Self::Json(values) => values.iter().try_for_each(|value| visit(value.any())),
        }
    }
}

impl<'a> Pairs<'a> {
    pub(crate) const NONE: Self = Self::Json(&[]);

    pub(crate) fn try_for_each(
        self,
        mut visit: impl FnMut(Cow<'a, str>, Any<'a>) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        match self {
            Self::Protobuf(message, field) => {
                protobuf::messages(message, field).try_for_each(|pair| {
                    protobuf::pair(pair?).and_then(|(key, value)| visit(key, value))
                })
            }
            Self::Json(pairs) => pairs.iter().try_for_each(|pair| visit(pair.key(), pair.value())),
        }
    }

    /// Whether there are no pairs.
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::Protobuf(message, field) => protobuf::messages(message, field).next().is_none(),
            Self::Json(pairs) => pairs.is_empty(),
        }
    }
}

impl Any<'_> {
    /// Appends the value as JSON. An array or a map nested deeper than `levels` becomes a string
    /// that contains its JSON.
    pub(crate) fn write(&self, levels: usize, json: &mut Vec<u8>) -> Result<(), Invalid> {
        self.write_nested(levels, 0, json)
    }

    /// The value as JSON, no matter how deeply it is nested.
    pub(crate) fn to_json(&self) -> Result<String, Invalid> {
        let mut json = Vec::new();
        self.write(MAX_NESTING, &mut json)?;
        Ok(String::from_utf8_lossy(&json).into_owned())
    }

    fn write_nested(
        &self,
        levels: usize,
        nesting: usize,
        json: &mut Vec<u8>,
    ) -> Result<(), Invalid> {
        match self {
            Self::Empty => json.extend_from_slice(b"null"),
            Self::Text(text) => push_text(text, json),
            Self::Bool(value) => push(value, json),
            Self::Int(value) => push(value, json),
            // A string, as in OTLP's JSON, because JSON has no such numbers.
            Self::Double(value) if !value.is_finite() => push_text(not_finite(*value), json),
            Self::Double(value) => push(value, json),
            Self::Number(number) => json.extend_from_slice(number.as_bytes()),
            Self::Bytes(bytes) => push_text(&BASE64_STANDARD.encode(bytes), json),
            Self::Array(_) | Self::Map(_) if nesting == MAX_NESTING => {
                return Err(Invalid::TooDeep);
            }
            Self::Array(_) | Self::Map(_) if levels == 0 => {
                let mut text = Vec::new();
                self.write_nested(MAX_NESTING, nesting, &mut text)?;
                push_text(&String::from_utf8_lossy(&text), json);
            }
            Self::Array(elements) => {
                json.push(b'[');
                let start = json.len();
                elements.try_for_each(|element| {
                    separate(start, json);
                    element.write_nested(levels - 1, nesting + 1, json)
                })?;
                json.push(b']');
            }
            Self::Map(pairs) => {
                json.push(b'{');
                let start = json.len();
                pairs.try_for_each(|key, value| {
                    separate(start, json);
                    push_text(&key, json);
                    json.push(b':');
                    value.write_nested(levels - 1, nesting + 1, json)
                })?;
                json.push(b'}');
            }
        }
        Ok(())
    }
}

fn separate(start: usize, json: &mut Vec<u8>) {
    if json.len() > start {
        json.push(b',');
    }
}

/// Appends a JSON string.
pub(crate) fn push_text(text: &str, json: &mut Vec<u8>) {
    push(text, json);
}

/// Appends a scalar. Writing to memory cannot fail.
fn push(value: &(impl serde::Serialize + ?Sized), json: &mut Vec<u8>) {
    let written = serde_json::to_writer(json.by_ref(), value);
    debug_assert!(written.is_ok(), "failed to serialize a scalar");
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

#[cfg(test)]
mod tests {
    use shared::protobuf::push_bytes;

    use super::*;

    /// Nested arrays, `depth` levels deep.
    fn nested(depth: usize) -> Vec<u8> {
        let mut value = Vec::new();
        for _ in 0..depth {
            let mut array = Vec::new();
            push_bytes(&mut array, 1, &value);
            value.clear();
            push_bytes(&mut value, 5, &array);
        }
        value
    }

    fn write(value: &Any<'_>, levels: usize) -> String {
        let mut json = Vec::new();
        value.write(levels, &mut json).unwrap();
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn scalars_are_written_as_json() {
        for (value, json) in [
            (Any::Empty, "null"),
            (Any::Text("a\"\n\u{1}".into()), r#""a\"\n\u0001""#),
            (Any::Bool(true), "true"),
            (Any::Int(i64::MIN), "-9223372036854775808"),
            (Any::Double(4711.0), "4711.0"),
            (Any::Double(f64::NAN), "\"NaN\""),
            (Any::Double(f64::NEG_INFINITY), "\"-Infinity\""),
            (Any::Number("1.50"), "1.50"),
            (Any::Bytes((&[0, 0xff, 1]).into()), "\"AP8B\""),
        ] {
            assert_eq!(write(&value, 16), json);
        }
    }

    #[test]
    fn values_beyond_the_maximum_depth_are_written_as_a_string() {
        let value = nested(4);
        let value = protobuf::any(&value).unwrap();
        assert_eq!(write(&value, 4), "[[[[null]]]]");
        assert_eq!(write(&value, 2), r#"[["[[null]]"]]"#);
    }

    #[test]
    fn values_that_are_nested_too_deeply_are_rejected() {
        for (depth, levels) in [(MAX_NESTING, 16), (MAX_NESTING, MAX_NESTING)] {
            let value = nested(depth);
            protobuf::any(&value).unwrap().write(levels, &mut Vec::new()).unwrap();
        }
        let value = nested(MAX_NESTING + 1);
        let error = protobuf::any(&value).unwrap().write(16, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "a value is nested more than 100 levels deep");
        let value = nested(10_000);
        assert!(protobuf::any(&value).unwrap().to_json().is_err());
    }
}
