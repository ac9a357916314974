//! How an entry lies in OpenSearch: its fields, its words in one field, its attributes twice.
//! The mappings and the analysis are of an index: a change of them holds from the next day on.

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
/// Microseconds since 1970: OpenSearch's dates end at the millisecond.
pub(super) const TIMESTAMP_MICROS: &str = "timestamp_micros";
/// The id as a text, whose order is the order of arrival.
pub(super) const ID: &str = "id";

/// What is not asked of a hit, for the entry has it in another form.
pub(super) const NOT_READ: [&str; 2] = ["attributes", TIMESTAMP_MICROS];

/// The longest word that is indexed, in UTF-16 units. Longer ones are data, not words.
const MAX_WORD_UNITS: usize = 1024;

/// The most that is indexed of a value of the attributes. OpenSearch's terms are path and value,
/// and may have 32,766 bytes: enough for 16 keys above a value.
const MAX_VALUE_BYTES: usize = 8 * 1024;
const MAX_KEY_BYTES: usize = 1024;

/// How many values of an entry's attributes are indexed: each costs OpenSearch memory many times
/// its own size.
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
    /// What the index can hold of the attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Value>,
    /// The attributes as they came: OpenSearch refuses an object that has a key twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes_json: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a TraceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<&'a TraceId>,
}

/// Appends the entry as a document.
pub(super) fn write(entry: &LogEntry, body: &mut Vec<u8>) {
    let document = Document {
        id: entry.id,
        timestamp: entry.timestamp,
        timestamp_micros: entry.timestamp.as_micros(),
        level: &entry.level,
        service_name: &entry.service_name,
        message: &entry.message,
        attributes: entry.attributes.as_ref().and_then(trimmed),
        attributes_json: entry.attributes.as_ref().map(Attributes::as_str),
        trace_id: entry.trace_id.as_ref(),
        span_id: entry.span_id.as_ref(),
    };
    let written = serde_json::to_writer(body, &document);
    debug_assert!(written.is_ok(), "a document always has a JSON form");
}

/// Reads an entry back from its document.
pub(super) fn read(document: &RawValue) -> Result<LogEntry, Source> {
    #[derive(Deserialize)]
    struct AsTheyCame {
        attributes_json: Option<String>,
    }
    let mut entry = LogEntry::from_json(document.get().as_bytes())?;
    let AsTheyCame { attributes_json } = serde_json::from_str(document.get())?;
    entry.attributes = attributes_json.map(Attributes::parse).transpose()?;
    Ok(entry)
}

/// The attributes as the index takes them: each key once, nothing beyond its limits.
fn trimmed(attributes: &Attributes) -> Option<Value> {
    let mut value = serde_json::from_str(attributes.as_str()).ok()?;
    trim(&mut value, &mut { MAX_VALUES });
    Some(value)
}

/// Trims a value; false if there is no room for it at all.
fn trim(value: &mut Value, room: &mut usize) -> bool {
    let Some(rest) = room.checked_sub(1) else {
        return false;
    };
    *room = rest;
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(MAX_VALUE_BYTES)),
        Value::Array(values) => values.retain_mut(|value| trim(value, room)),
        Value::Object(members) => {
            members.retain(|key, value| key.len() <= MAX_KEY_BYTES && trim(value, room));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    true
}

/// The mappings of an index. What they do not name is kept and not indexed.
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

/// What cuts texts into words. That of queries drops none: a word too long to be indexed finds
/// nothing.
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

/// Letters and digits side by side, as ranges: what a word is here and in a query must be the same
/// to the last character, and OpenSearch's own classes are not Rust's.
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

    fn trimmed_text(json: &str) -> String {
        trimmed(&Attributes::parse(json.to_owned()).unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_value_is_cut_between_characters_and_a_long_key_left_out() {
        let long = "é".repeat(MAX_VALUE_BYTES);
        let json = format!(r#"{{"a":"{long}","{long}":1,"b":[{{"c":"{long}"}}]}}"#);
        let cut = "é".repeat(MAX_VALUE_BYTES / 2);
        let expected = format!(r#"{{"a":"{cut}","b":[{{"c":"{cut}"}}]}}"#);
        assert_eq!(trimmed_text(&json), expected);
    }

    #[test]
    fn the_first_values_are_indexed_and_not_those_beyond() {
        let numbers = vec!["7"; 100_000].join(",");
        let text = trimmed_text(&format!(r#"{{"a":[{numbers}],"b":1}}"#));
        assert_eq!(text.matches('7').count(), MAX_VALUES - 2);
        assert!(!text.contains('b'));
    }

    #[test]
    fn a_key_that_is_there_twice_is_indexed_once() {
        assert_eq!(trimmed_text(r#"{"a":1,"a":2}"#), r#"{"a":2}"#);
    }

    #[test]
    fn the_ranges_of_words_hold_letters_and_digits_only() {
        let pattern = word_pattern();
        assert!(pattern.starts_with("[0-9A-Za-z"), "{pattern}");
        assert!(pattern.chars().all(|c| c.is_alphanumeric() || "[]-+".contains(c)));
    }
}
