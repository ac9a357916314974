//! Why an entry cannot be taken, field by field.
//! The fast path stops at the first error; this path, taken once it has failed, finds them all.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Attributes, EntryId, Level, ServiceName, Timestamp, TraceId};

/// The longest text about an error, in characters: drivers like to repeat the input.
const MAX_DETAIL_CHARS: usize = 200;

/// How many unknown fields are named.
const MAX_UNKNOWN_FIELDS: usize = 10;

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// What is wrong with it and what it should be.
    pub detail: String,
}

/// Why an entry cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The whole in a sentence.
    pub detail: String,
    /// Each field that is wrong; empty if it is not about fields.
    pub errors: Vec<FieldError>,
}

impl Invalid {
    /// One field is wrong.
    #[must_use]
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { field: field.to_owned(), detail: detail.into() }])
    }

    /// It is wrong as a whole.
    #[must_use]
    pub fn whole(detail: &str) -> Self {
        Self { detail: shorten(detail), errors: Vec::new() }
    }

    pub(super) fn not_utf8(error: std::str::Utf8Error) -> Self {
        Self::whole(&format!("the entry is not UTF-8: {error}"))
    }

    /// Finds every field of `json` that is wrong; `error` is where the fast path stopped.
    pub(super) fn explain(json: &str, error: &serde_json::Error) -> Self {
        if !json.trim_start().starts_with('{') && error.is_data() {
            return Self::whole("the entry must be a JSON object");
        }
        let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json) else {
            return Self::whole(&format!("the entry is not valid JSON: {error}"));
        };
        let errors = field_errors(&fields);
        if errors.is_empty() {
            return Self::whole(&format!("the entry is not valid: {error}"));
        }
        Self::fields(errors)
    }

    fn fields(errors: Vec<FieldError>) -> Self {
        let told: Vec<String> =
            errors.iter().map(|error| format!("{}: {}", error.field, error.detail)).collect();
        Self { detail: shorten(&told.join("; ")), errors }
    }
}

fn field_errors(fields: &BTreeMap<String, &RawValue>) -> Vec<FieldError> {
    let service = if fields.contains_key("service") { "service" } else { "service_name" };
    let known = [
        ("id", check::<Option<EntryId>>(fields, "id")),
        ("timestamp", check::<Option<Timestamp>>(fields, "timestamp")),
        ("level", check::<Option<Level>>(fields, "level")),
        (service, check_required::<ServiceName>(fields, service)),
        ("message", check_required::<String>(fields, "message")),
        ("attributes", check::<Option<Attributes>>(fields, "attributes")),
        ("trace_id", check::<Option<TraceId>>(fields, "trace_id")),
        ("span_id", check::<Option<TraceId>>(fields, "span_id")),
    ];
    let is_known = |name: &str| known.iter().any(|(field, _)| *field == name);
    let unknown = fields
        .keys()
        .filter(|name| !is_known(name) && *name != "service_name")
        .take(MAX_UNKNOWN_FIELDS)
        .map(|name| FieldError {
            field: shorten(name),
            detail: "is not a field of an entry: put it into attributes".to_owned(),
        });
    let wrong = known.iter().filter_map(|(field, checked)| {
        let detail = shorten(checked.as_ref().err()?);
        Some(FieldError { field: (*field).to_owned(), detail })
    });
    wrong.chain(unknown).collect()
}

fn check<T: DeserializeOwned>(
    fields: &BTreeMap<String, &RawValue>,
    name: &str,
) -> Result<(), String> {
    let Some(value) = fields.get(name) else {
        return Ok(());
    };
    serde_json::from_str::<T>(value.get()).map(drop).map_err(|error| error.to_string())
}

fn check_required<T: DeserializeOwned>(
    fields: &BTreeMap<String, &RawValue>,
    name: &str,
) -> Result<(), String> {
    if !fields.contains_key(name) {
        return Err("is required".to_owned());
    }
    check::<T>(fields, name)
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_DETAIL_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
