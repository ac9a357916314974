//! Entries as OpenSearch documents: the entry's fields, and the fields on which conditions are
//! evaluated. Text is processed by LogPulse's own rules: documents contain words that are already
//! split.

mod attributes;
mod searchable;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::attributes::{Columns, attr_texts};
pub(super) use self::attributes::{
    can_have_column, column_name, column_path, escaped_path, has_column,
};
use self::searchable::Searchable;
pub(super) use self::searchable::{MAX_FRAGMENT_BYTES, lowercase_stable};
use self::words::{message_words, other_words};
use crate::error::Source;
use crate::log_entry::{Attributes, EntryId, Level, LogEntry, ServiceName, Timestamp, TraceId};
use crate::pattern::{self, PatternId};
use crate::query::Leaf;
use crate::retention::Class;

/// The exact service name.
pub(super) const SERVICE_NAME: &str = "service_name";
/// The exact level.
pub(super) const LEVEL: &str = "level";
/// The [key](crate::pattern::key()) of the message's pattern.
pub(super) const PATTERN: &str = "pattern";
/// The id of the message's pattern.
pub(super) const PATTERN_ID: &str = "pattern_id";
/// The exact trace id.
pub(super) const TRACE_ID: &str = "trace_id";
/// The exact span id.
pub(super) const SPAN_ID: &str = "span_id";
/// Microseconds since 1970. OpenSearch's own dates only have millisecond precision.
pub(super) const TIMESTAMP_MICROS: &str = "timestamp_micros";
/// The id as text, which sorts by arrival.
pub(super) const ID: &str = "id";
/// The words of the message.
pub(super) const MESSAGE_WORDS: &str = "message_words";
/// The words of the entry's other texts.
pub(super) const OTHER_WORDS: &str = "other_words";
/// The message's searchable text, split into grams that do not overlap.
pub(super) const GRAMS: &str = "grams";
/// The message's searchable text, in pieces.
pub(super) const SEARCHABLE: &str = "searchable";
/// The attributes' values with their paths.
pub(super) const ATTR: &str = "attr";
/// The generation of the index whose columns the document has.
pub(super) const GENERATION: &str = "generation";
/// The object that contains the attributes' number columns.
pub(super) const NUMBERS: &str = "num";
/// The object that contains the attributes' string columns.
pub(super) const STRINGS: &str = "str";

/// The fields with the id and the unaltered message.
pub(super) const ID_AND_MESSAGE: [&str; 3] = [ID, "message", "original_message"];

/// Fields that hits do not need, because other fields contain the same data. `attributes` only
/// exists in indexes that an earlier release created.
pub(super) const OMITTED_FROM_HITS: [&str; 11] = [
    "attributes",
    ATTR,
    GENERATION,
    MESSAGE_WORDS,
    NUMBERS,
    OTHER_WORDS,
    PATTERN,
    PATTERN_ID,
    "searchable_text",
    STRINGS,
    TIMESTAMP_MICROS,
];

/// An entry as a document.
#[derive(Serialize)]
struct Document<'a> {
    id: EntryId,
    timestamp: Timestamp,
    timestamp_micros: i64,
    level: &'a Level,
    service_name: &'a ServiceName,
    pattern: &'a str,
    pattern_id: PatternId,
    #[serde(flatten)]
    searchable: Searchable<'a>,
    message_words: Vec<String>,
    other_words: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<BTreeMap<&'a str, bool>>,
    #[serde(flatten)]
    columns: Columns<'a>,
    /// The unaltered attributes. OpenSearch refuses an object with duplicate keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes_json: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a TraceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<&'a TraceId>,
    #[serde(skip_serializing_if = "Class::is_default")]
    retention: &'a Class,
}

/// Appends the entry as a JSON document. `is_column` decides which attribute paths have columns in
/// this generation of the index.
pub(super) fn write(
    entry: &LogEntry,
    leaves: &[Leaf],
    generation: &str,
    is_column: impl Fn(&str) -> bool,
    body: &mut Vec<u8>,
) {
    let generation = leaves.iter().any(has_column).then(|| [(generation, true)].into());
    let template = pattern::template(&entry.message);
    let pattern_id = PatternId::of(&template);
    let pattern = pattern::key_of(pattern_id, &template);
    let document = Document {
        id: entry.id,
        timestamp: entry.timestamp,
        timestamp_micros: entry.timestamp.as_micros(),
        level: &entry.level,
        service_name: &entry.service_name,
        pattern: &pattern,
        pattern_id,
        searchable: Searchable::of(&entry.message),
        message_words: message_words(&entry.message),
        other_words: other_words(entry, leaves),
        attr: attr_texts(leaves),
        generation,
        columns: Columns::of(leaves, is_column),
        attributes_json: entry.attributes.as_ref().map(Attributes::as_str),
        trace_id: entry.trace_id.as_ref(),
        span_id: entry.span_id.as_ref(),
        retention: &entry.retention,
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
        id: EntryId,
        timestamp: Timestamp,
        level: Level,
        service_name: ServiceName,
        #[serde(alias = "original_message")]
        message: String,
        attributes_json: Option<String>,
        trace_id: Option<TraceId>,
        span_id: Option<TraceId>,
        #[serde(default)]
        retention: Class,
    }
    let original: Original = serde_json::from_str(document.get())?;
    Ok(LogEntry {
        id: original.id,
        timestamp: original.timestamp,
        level: original.level,
        service_name: original.service_name,
        message: original.message,
        attributes: original.attributes_json.map(Attributes::parse).transpose()?,
        trace_id: original.trace_id,
        span_id: original.span_id,
        retention: original.retention,
    })
}
