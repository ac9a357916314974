//! An index's mappings and analyzers. They are fixed when the index is created, so a change takes
//! effect with the next day's index or a rebuild.

use serde_json::{Value, json};

use super::document::{
    ATTR, GENERATION, GRAMS, ID, LEVEL, MESSAGE_WORDS, NUMBERS, OTHER_WORDS, PATTERN, PATTERN_ID,
    SEARCHABLE, SERVICE_NAME, SPAN_ID, STRINGS, TIMESTAMP_MICROS, TRACE_ID, column_name,
};
use crate::text::GRAM_CHARS;

/// Precedes each form of a run with several forms. No form contains it.
pub(super) const FORM_MARK: char = '|';

/// An upper bound for the number of fields other than columns, including objects.
const FIXED_FIELDS: usize = 22;

/// The maximum number of fields in an index with columns for this many attribute paths.
pub(super) fn max_fields(column_paths: usize) -> usize {
    FIXED_FIELDS + 2 * column_paths
}

/// The mappings of an index with columns for at most this many attribute paths. Fields that are not
/// listed are stored but not indexed.
pub(super) fn mappings(column_paths: usize) -> Value {
    // Columns are added for the day's attributes. A document with other columns is refused, which
    // happens after the index has been rebuilt, or deleted and recreated.
    let columns = json!({"type": "object", "dynamic": "strict"});
    let words = json!({"type": "text", "analyzer": "words", "search_analyzer": "tokens"});
    let mut other_words = words.clone();
    other_words["norms"] = false.into();
    json!({
        "_meta": {"attributes_max": column_paths},
        "dynamic": false,
        "properties": {
            ID: {"type": "keyword", "index": false},
            // For Dashboards. The default format takes far longer to parse.
            "timestamp": {"type": "date", "format": "rfc3339_lenient", "index": false},
            TIMESTAMP_MICROS: {"type": "long"},
            LEVEL: {"type": "keyword"},
            SERVICE_NAME: {"type": "keyword"},
            PATTERN: {"type": "keyword", "index": false},
            PATTERN_ID: {"type": "keyword", "doc_values": false},
            TRACE_ID: {"type": "keyword"},
            SPAN_ID: {"type": "keyword"},
            "message": {"type": "text", "index": false, "copy_to": [GRAMS, SEARCHABLE]},
            "original_message": {"type": "text", "index": false},
            "searchable_text": {"type": "text", "index": false, "copy_to": [GRAMS, SEARCHABLE]},
            MESSAGE_WORDS: words,
            OTHER_WORDS: other_words,
            GRAMS: {"type": "text", "analyzer": "grams", "index_options": "docs", "norms": false},
            SEARCHABLE: {"type": "keyword", "index": false, "normalizer": "lowercase"},
            "attributes_json": {"type": "keyword", "index": false, "doc_values": false},
            ATTR: {"type": "keyword", "doc_values": false},
            "retention": {"type": "keyword", "index": false, "doc_values": false},
            GENERATION: {"type": "object", "dynamic": false},
            NUMBERS: columns,
            STRINGS: columns,
        },
    })
}

/// The mapping that is added to a rebuilt index. It refuses documents that were written for another
/// generation, because a process may not have noticed yet that the index has been replaced.
pub(super) fn generation_mapping(generation: &str) -> Value {
    let field = json!({"type": "boolean", "index": false, "doc_values": false});
    json!({"properties": {
        GENERATION: {"type": "object", "dynamic": "strict", "properties": {generation: field}},
    }})
}

/// The mappings that add columns for these paths.
pub(super) fn column_mappings<'p>(paths: impl Iterator<Item = &'p str> + Clone) -> Value {
    let columns = |mapping: Value| {
        let fields = paths.clone().map(|path| (column_name(path), mapping.clone()));
        json!({"properties": fields.collect::<serde_json::Map<String, Value>>()})
    };
    json!({"properties": {
        NUMBERS: columns(json!({"type": "double", "index": false})),
        STRINGS: columns(json!({"type": "keyword", "index": false})),
    }})
}

/// The analyzers. The only text rule that they apply is lower case, which changes only ASCII
/// letters in the texts that they receive.
pub(super) fn analysis() -> Value {
    let forms = format!("\\{FORM_MARK}([^{FORM_MARK}]+)");
    json!({
        "tokenizer": {
            "tokens": {"type": "simple_pattern", "pattern": "[^ ]+"},
            "grams": {"type": "simple_pattern", "pattern": format!("(.|\n){{1,{GRAM_CHARS}}}")},
        },
        "filter": {
            "forms": {"type": "pattern_capture", "patterns": [forms], "preserve_original": false},
        },
        "analyzer": {
            "words": {"type": "custom", "tokenizer": "tokens", "filter": ["forms"]},
            "tokens": {"type": "custom", "tokenizer": "tokens"},
            "grams": {"type": "custom", "tokenizer": "grams", "filter": ["lowercase"]},
        },
        "normalizer": {"lowercase": {"type": "custom", "filter": ["lowercase"]}},
    })
}
