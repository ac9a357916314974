//! Optional fields of an entry. Loggers also send null or an empty string for an absent value, for
//! example for the trace of an event outside of a span.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::{Attributes, EntryId, Level, Timestamp, TraceId};

/// A field that is sent as a string.
pub(super) trait TextField: Sized {
    /// The types that the field may have in JSON.
    const EXPECTED: &str = "a string";

    /// Parses a string that is not empty.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value for a number, if the field may be one.
    fn from_number(_: i64) -> Option<Self> {
        None
    }
}

impl TextField for EntryId {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.trim().parse()?)
    }
}

impl TextField for Timestamp {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::parse_lenient(text)?)
    }
}

impl TextField for Level {
    const EXPECTED: &str = "a string or a number";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::parse(text))
    }

    /// Keeps an unknown number, so that no entry is rejected because of its level.
    fn from_number(number: i64) -> Option<Self> {
        Some(Self::from_number(number).unwrap_or_else(|| Self::parse(&number.to_string())))
    }
}

impl TextField for TraceId {
    fn parse(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

/// Deserializes a field; null or a blank string means that it is absent.
pub(super) fn text<'de, T: TextField, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(TextVisitor(PhantomData))
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: TextField> Visitor<'_> for TextVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        T::parse(text).map(Some).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        let value = T::from_number(number).map(Some);
        value.ok_or_else(|| E::custom(format_args!("must be {}", T::EXPECTED)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        #[expect(clippy::cast_possible_truncation, reason = "levels are small numbers")]
        let number = number as i64;
        self.visit_i64(number)
    }
}

/// Deserializes attributes; null, an empty string or the empty array that PHP writes for an empty
/// object means that there are none.
pub(super) fn attributes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Attributes>, D::Error> {
    let raw: Box<RawValue> = serde::Deserialize::deserialize(deserializer)?;
    if is_absent(raw.get()) {
        return Ok(None);
    }
    Attributes::try_from(raw).map(Some).map_err(D::Error::custom)
}

/// Whether the JSON of attributes means that there are none.
pub(super) fn is_absent(json: &str) -> bool {
    let inner = |open, close| json.strip_prefix(open)?.strip_suffix(close);
    let is_blank = |text: &str| text.trim().is_empty();
    json == "null" || inner('"', '"').is_some_and(is_blank) || inner('[', ']').is_some_and(is_blank)
}

#[cfg(test)]
mod tests {
    use crate::NewLogEntry;

    fn parse(field: &str) -> NewLogEntry {
        let json = format!(r#"{{"service":"a","message":"m",{field}}}"#);
        NewLogEntry::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn empty_optional_fields_are_absent() {
        for field in ["id", "timestamp", "level", "attributes", "trace_id", "span_id"] {
            for empty in ["null", r#""""#, r#"" ""#] {
                let entry = parse(&format!(r#""{field}":{empty}"#));
                assert!(entry.id.is_none() && entry.timestamp.is_none() && entry.level.is_none());
                assert!(entry.attributes.is_none());
                assert!(entry.trace_id.is_none() && entry.span_id.is_none());
            }
        }
        assert!(parse(r#""attributes":[ ]"#).attributes.is_none());
        assert_eq!(parse(r#""attributes":{}"#).attributes.unwrap().as_str(), "{}");
    }

    #[test]
    fn a_level_may_be_a_number() {
        for (number, level) in
            [("30", "INFO"), ("50.0", "ERROR"), ("3", "ERROR"), ("99", "99"), ("-1", "-1")]
        {
            assert_eq!(parse(&format!(r#""level":{number}"#)).level.unwrap().as_str(), level);
        }
    }

    #[test]
    fn a_timestamp_may_be_iso_8601() {
        let entry = parse(r#""timestamp":"2024-06-14T12:00:00,5+0200""#);
        assert_eq!(entry.timestamp.unwrap().to_string(), "2024-06-14T10:00:00.500000Z");
    }
}
