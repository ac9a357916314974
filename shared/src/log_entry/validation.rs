//! Why an entry is invalid, field by field.
//! Parsing stops at the first error; the other fields are checked only after it has failed.

use std::collections::BTreeMap;
use std::str::Utf8Error;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Attributes, EntryId, Level, ServiceName, Timestamp, TraceId};

/// The longest explanation of an error, in characters: parsers may repeat the input.
const MAX_DETAIL_CHARS: usize = 200;

/// How many unknown fields an error names.
const MAX_UNKNOWN_FIELDS: usize = 10;

/// One invalid field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// What is wrong with it, and what to send instead.
    pub detail: String,
}

/// Why an entry or a request is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    /// The explanation in one sentence.
    pub detail: String,
    /// Each invalid field; empty if the error is not about fields.
    pub errors: Vec<FieldError>,
}

impl ValidationError {
    /// One field is invalid.
    #[must_use]
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { field: field.to_owned(), detail: detail.into() }])
    }

    /// The whole is invalid.
    #[must_use]
    pub fn whole(detail: &str) -> Self {
        Self { detail: shorten(detail), errors: Vec::new() }
    }

    /// These fields are invalid.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let details: Vec<String> =
            errors.iter().map(|error| format!("{}: {}", error.field, error.detail)).collect();
        Self { detail: shorten(&details.join("; ")), errors }
    }
}

/// The bytes are not the JSON of a log entry. Converting this into a [`ValidationError`] parses them
/// again to find every invalid field.
#[derive(Debug)]
pub struct ParseError<'a>(Cause<'a>);

#[derive(Debug)]
enum Cause<'a> {
    Encoding(Utf8Error),
    Json { text: &'a str, error: serde_json::Error },
}

impl<'a> ParseError<'a> {
    pub(super) fn encoding(error: Utf8Error) -> Self {
        Self(Cause::Encoding(error))
    }

    pub(super) fn json(text: &'a str, error: serde_json::Error) -> Self {
        Self(Cause::Json { text, error })
    }
}

impl From<ParseError<'_>> for ValidationError {
    fn from(error: ParseError<'_>) -> Self {
        match error.0 {
            Cause::Encoding(error) => Self::whole(&format!("the entry is not UTF-8: {error}")),
            Cause::Json { text, error } => explain(text, &error),
        }
    }
}

/// Finds every invalid field of `json`; `error` is where parsing stopped.
fn explain(json: &str, error: &serde_json::Error) -> ValidationError {
    if !json.trim_start().starts_with('{') && error.is_data() {
        return ValidationError::whole("the entry must be a JSON object");
    }
    let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json) else {
        return ValidationError::whole(&format!("the entry is not valid JSON: {error}"));
    };
    let errors = field_errors(&fields);
    if errors.is_empty() {
        return ValidationError::whole(&format!("the entry is invalid: {error}"));
    }
    ValidationError::fields(errors)
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
            detail: "unknown field; put it into attributes".to_owned(),
        });
    let invalid = known.iter().filter_map(|(field, checked)| {
        let detail = shorten(checked.as_ref().err()?);
        Some(FieldError { field: (*field).to_owned(), detail })
    });
    invalid.chain(unknown).collect()
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
