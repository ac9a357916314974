//! Entries as OpenSearch documents: their fields, the words of their text in one field, and the
//! attributes both as JSON and as an indexed object. An index keeps its mappings and analyzers, so
//! a change to them takes effect with the next day's index.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::error::Source;
use crate::log_entry::{Attributes, EntryId, Level, LogEntry, ServiceName, Timestamp, TraceId};

/// The words of message, service name and level.
pub(super) const TEXT: &str = "text";
/// The exact service name.
pub(super) const SERVICE_NAME: &str = "service_name";
/// The exact level.
pub(super) const LEVEL: &str = "level";
/// Microseconds since 1970. OpenSearch's own dates only have millisecond precision.
pub(super) const TIMESTAMP_MICROS: &str = "timestamp_micros";
/// The id as text, which sorts by arrival.
pub(super) const ID: &str = "id";

/// Fields that hits do not need, because other fields hold the same data.
pub(super) const OMITTED_FROM_HITS: [&str; 2] = ["attributes", TIMESTAMP_MICROS];

/// The longest word that is indexed, in UTF-16 units. Longer ones are usually encoded data.
const MAX_WORD_UNITS: usize = 1024;

/// Attribute values are indexed up to this length. OpenSearch's terms consist of path and value and
/// are limited to 32,766 bytes, which leaves room for a path of 16 keys.
const MAX_VALUE_BYTES: usize = 8 * 1024;

/// Attributes with longer keys are not indexed.
const MAX_KEY_BYTES: usize = 1024;

/// The number of attribute values that are indexed per entry. Each one takes many times its size in
/// OpenSearch's memory.
const MAX_VALUES: usize = 1000;

/// An entry as a document.
#[derive(Serialize)]
struct Document<'a> {
    id: EntryId,
    timestamp: Timestamp,
    timestamp_micros: i64,
    level: &'a Level,
    service_name: &'a ServiceName,
    message: &'a str,
    /// The attributes within the limits of the index.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Value>,
    /// The unaltered attributes. OpenSearch refuses an object with duplicate keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes_json: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a TraceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<&'a TraceId>,
}

/// Appends the entry as a JSON document.
pub(super) fn write(entry: &LogEntry, body: &mut Vec<u8>) {
    let document = Document {
        id: entry.id,
        timestamp: entry.timestamp,
        timestamp_micros: entry.timestamp.as_micros(),
        level: &entry.level,
        service_name: &entry.service_name,
        message: &entry.message,
        attributes: entry.attributes.as_ref().and_then(indexable),
        attributes_json: entry.attributes.as_ref().map(Attributes::as_str),
        trace_id: entry.trace_id.as_ref(),
        span_id: entry.span_id.as_ref(),
    };
    let written = serde_json::to_writer(body, &document);
    debug_assert!(written.is_ok(), "serializing a document never fails");
}

/// Parses a document back into its entry.
///
/// # Errors
/// When the document is not an entry.
pub(super) fn parse(document: &RawValue) -> Result<LogEntry, Source> {
    #[derive(Deserialize)]
    struct Original {
        attributes_json: Option<String>,
    }
    let mut entry = LogEntry::from_json(document.get().as_bytes())?;
    let Original { attributes_json } = serde_json::from_str(document.get())?;
    entry.attributes = attributes_json.map(Attributes::parse).transpose()?;
    Ok(entry)
}

/// The attributes without duplicate keys and within the limits of the index.
fn indexable(attributes: &Attributes) -> Option<Value> {
    let mut value = serde_json::from_str(attributes.as_str()).ok()?;
    trim(&mut value, &mut { MAX_VALUES });
    Some(value)
}

/// Trims a value to the limits. Returns false when no more values may be indexed.
fn trim(value: &mut Value, remaining_values: &mut usize) -> bool {
    let Some(rest) = remaining_values.checked_sub(1) else {
        return false;
    };
    *remaining_values = rest;
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(MAX_VALUE_BYTES)),
        Value::Array(values) => values.retain_mut(|value| trim(value, remaining_values)),
        Value::Object(members) => {
            members
                .retain(|key, value| key.len() <= MAX_KEY_BYTES && trim(value, remaining_values));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    true
}

/// The mappings of an index. Fields that they do not list are stored but not indexed.
pub(super) fn mappings() -> Value {
    json!({
        "dynamic": false,
        "properties": {
            ID: {"type": "keyword", "index": false},
            "timestamp": {"type": "date", "format": "strict_date_optional_time"},
            TIMESTAMP_MICROS: {"type": "long"},
            LEVEL: {"type": "keyword", "copy_to": TEXT},
            SERVICE_NAME: {"type": "keyword", "copy_to": TEXT},
            "message": {"type": "text", "index": false, "copy_to": TEXT},
            TEXT: {"type": "text", "analyzer": "words", "search_analyzer": "words_of_query"},
            "attributes": {"type": "flat_object"},
            "attributes_json": {"type": "keyword", "index": false, "doc_values": false},
            "trace_id": {"type": "keyword"},
            "span_id": {"type": "keyword"},
        },
    })
}

/// The analyzers that split text into words. The one for queries keeps words that are too long to
/// be indexed, so that they match nothing.
pub(super) fn analysis() -> Value {
    json!({
        "tokenizer": {"words": {"type": "simple_pattern", "pattern": word_pattern()}},
        "filter": {"words_only": {"type": "length", "max": MAX_WORD_UNITS}},
        "analyzer": {
            "words": {"type": "custom", "tokenizer": "words", "filter": ["words_only", "lowercase"]},
            "words_of_query": {"type": "custom", "tokenizer": "words", "filter": ["lowercase"]},
        },
    })
}

/// Runs of letters and digits, as character ranges. Documents and queries must be split the same
/// way, and OpenSearch's character classes differ from Rust's.
fn word_pattern() -> String {
    let mut pattern = String::from("[");
    let mut range: Option<(char, char)> = None;
    for c in '\0'..=char::MAX {
        range = match (range, c.is_alphanumeric()) {
            (Some((first, _)), true) => Some((first, c)),
            (None, true) => Some((c, c)),
            (Some((first, last)), false) => {
                pattern.extend([first, '-', last]);
                None
            }
            (None, false) => None,
        };
    }
    pattern.push_str("]+");
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexable_text(json: &str) -> String {
        indexable(&Attributes::parse(json.to_owned()).unwrap()).unwrap().to_string()
    }

    #[test]
    fn long_values_are_cut_and_long_keys_omitted() {
        let long = "é".repeat(MAX_VALUE_BYTES);
        let json = format!(r#"{{"a":"{long}","{long}":1,"b":[{{"c":"{long}"}}]}}"#);
        let cut = "é".repeat(MAX_VALUE_BYTES / 2);
        let expected = format!(r#"{{"a":"{cut}","b":[{{"c":"{cut}"}}]}}"#);
        assert_eq!(indexable_text(&json), expected);
    }

    #[test]
    fn values_beyond_the_limit_are_not_indexed() {
        let numbers = vec!["7"; 100_000].join(",");
        let text = indexable_text(&format!(r#"{{"a":[{numbers}],"b":1}}"#));
        assert_eq!(text.matches('7').count(), MAX_VALUES - 2);
        assert!(!text.contains('b'));
    }

    #[test]
    fn a_duplicate_key_is_indexed_once() {
        assert_eq!(indexable_text(r#"{"a":1,"a":2}"#), r#"{"a":2}"#);
    }

    #[test]
    fn the_word_pattern_contains_only_letters_and_digits() {
        let pattern = word_pattern();
        assert!(pattern.starts_with("[0-9A-Za-z"), "{pattern}");
        assert!(pattern.chars().all(|c| c.is_alphanumeric() || "[]-+".contains(c)));
    }
}
