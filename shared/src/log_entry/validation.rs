//! Explains why an entry is invalid, field by field. Parsing stops at the first error; the other
//! fields are checked only after parsing has failed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::Utf8Error;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::optional::{self, TextField};
use super::{Attributes, EntryId, Level, ServiceName, Timestamp, TraceId};

/// The maximum length of an error's explanation in characters, because parsers may repeat the
/// input.
const MAX_DETAIL_CHARS: usize = 200;

/// The maximum number of unknown fields in an error.
const MAX_UNKNOWN_FIELDS: usize = 10;

/// One invalid field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// What is wrong with it, and what to send instead.
    pub detail: String,
    /// The position of the mistake in the field's text, in characters from 0, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
}

impl FieldError {
    /// An error that concerns the whole field.
    #[must_use]
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into(), position: None }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.detail),
            field => write!(f, "{field}: {}", self.detail),
        }
    }
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
    /// Creates an error about one field.
    #[must_use]
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(field, detail)])
    }

    /// Creates an error about the whole entry or request.
    #[must_use]
    pub fn whole(detail: &str) -> Self {
        Self { detail: shorten(detail), errors: Vec::new() }
    }

    /// Creates an error about these fields.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let details: Vec<String> = errors.iter().map(FieldError::to_string).collect();
        Self { detail: shorten(&details.join("; ")), errors }
    }
}

/// The bytes are not the JSON of a log entry. Converting this into a [`ValidationError`] parses
/// them again to find every invalid field.
#[derive(Debug)]
pub struct ParseError<'a>(Cause<'a>);

#[derive(Debug)]
enum Cause<'a> {
    Encoding(Utf8Error),
    Json { text: Cow<'a, str>, error: serde_json::Error },
}

impl<'a> ParseError<'a> {
    pub(super) fn encoding(error: Utf8Error) -> Self {
        Self(Cause::Encoding(error))
    }

    pub(super) fn json(text: impl Into<Cow<'a, str>>, error: serde_json::Error) -> Self {
        Self(Cause::Json { text: text.into(), error })
    }
}

impl From<ParseError<'_>> for ValidationError {
    fn from(error: ParseError<'_>) -> Self {
        match error.0 {
            Cause::Encoding(error) => Self::whole(&format!("the entry is not UTF-8: {error}")),
            Cause::Json { text, error } => explain(&text, &error),
        }
    }
}

/// Finds every invalid field of `json`; `error` is where parsing stopped.
fn explain(json: &str, error: &serde_json::Error) -> ValidationError {
    if !json.trim_start().starts_with('{') && error.is_data() {
        return ValidationError::whole("the entry must be a JSON object");
    }
    let Ok(fields) = serde_json::from_str::<Fields<'_>>(json) else {
        return ValidationError::whole(&format!("the entry is not valid JSON: {error}"));
    };
    let errors = field_errors(&fields);
    if errors.is_empty() {
        return ValidationError::whole(&format!("the entry is invalid: {error}"));
    }
    ValidationError::fields(errors)
}

/// The fields of an entry, as JSON.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

fn field_errors(fields: &Fields<'_>) -> Vec<FieldError> {
    let has_alias = fields.contains_key("service");
    let service = if has_alias { "service" } else { "service_name" };
    let mut known = vec![
        ("id", check::<EntryId>(fields, "id")),
        ("timestamp", check::<Timestamp>(fields, "timestamp")),
        ("level", check::<Level>(fields, "level")),
        (service, check_required(fields, service, |text| ServiceName::try_from(text).map(drop))),
        ("message", check_required(fields, "message", |_| Ok(()))),
        ("attributes", check_attributes(fields)),
        ("trace_id", check::<TraceId>(fields, "trace_id")),
        ("span_id", check::<TraceId>(fields, "span_id")),
    ];
    if has_alias && fields.contains_key("service_name") {
        known.push(("service_name", Err("means the same as service; send only one".to_owned())));
    }
    let is_known = |name: &str| known.iter().any(|(field, _)| *field == name);
    let unknown = fields
        .keys()
        .filter(|name| !is_known(name))
        .take(MAX_UNKNOWN_FIELDS)
        .map(|name| FieldError::new(shorten(name), "unknown field; put it into attributes"));
    let invalid = known.iter().filter_map(|(field, checked)| {
        let detail = shorten(checked.as_ref().err()?);
        Some(FieldError::new(*field, detail))
    });
    invalid.chain(unknown).collect()
}

/// Checks a field that may be absent.
fn check<T: TextField>(fields: &Fields<'_>, name: &str) -> Result<(), String> {
    let value = fields.get(name).map_or("null", |value| value.get());
    match value.as_bytes() {
        b"null" => Ok(()),
        [b'"', ..] => match string(fields[name])? {
            text if text.trim().is_empty() => Ok(()),
            text => T::parse(&text).map(drop),
        },
        [b'-' | b'0'..=b'9', ..] if T::from_number(0).is_some() => Ok(()),
        _ => Err(format!("must be {}", T::EXPECTED)),
    }
}

fn check_required(
    fields: &Fields<'_>,
    name: &str,
    parse: impl FnOnce(String) -> Result<(), String>,
) -> Result<(), String> {
    parse(string(fields.get(name).ok_or("is required")?)?)
}

fn string(value: &RawValue) -> Result<String, String> {
    if !value.get().starts_with('"') {
        return Err("must be a string".to_owned());
    }
    serde_json::from_str(value.get()).map_err(|error| format!("is not valid JSON: {error}"))
}

fn check_attributes(fields: &Fields<'_>) -> Result<(), String> {
    match fields.get("attributes") {
        None => Ok(()),
        Some(value) if optional::is_absent(value.get()) => Ok(()),
        Some(value) => Attributes::try_from((*value).to_owned()).map(drop),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_DETAIL_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewLogEntry;

    #[test]
    fn each_field_error_names_the_valid_values() {
        let timestamp = "must be an RFC 3339 timestamp such as 2024-06-14T12:00:00.123456Z";
        for (field, expected) in [
            (r#""id":"x""#, "id: must be a UUIDv7"),
            (r#""id":"0190163d-8694-439b-aea5-966c26f8ad91""#, "id: must be a UUIDv7"),
            (r#""id":7"#, "id: must be a string"),
            (r#""timestamp":"noon""#, &format!("timestamp: {timestamp}")),
            (r#""timestamp":12"#, "timestamp: must be a string"),
            (r#""level":[]"#, "level: must be a string or a number"),
            (r#""attributes":"a""#, "attributes: must be an object"),
            (r#""trace_id":17"#, "trace_id: must be a string"),
            (r#""span_id":true"#, "span_id: must be a string"),
            (r#""service":"b""#, "service_name: means the same as service; send only one"),
            (r#""host":"b""#, "host: unknown field; put it into attributes"),
        ] {
            let json = format!(r#"{{"service_name":"a","message":"m",{field}}}"#);
            let error = NewLogEntry::from_json(json.as_bytes()).unwrap_err();
            assert_eq!(ValidationError::from(error).detail, expected, "{field}");
        }
    }

    #[test]
    fn required_fields_are_strings() {
        let error = NewLogEntry::from_json(br#"{"service_name":null}"#).unwrap_err();
        let detail = "service_name: must be a string; message: is required";
        assert_eq!(ValidationError::from(error).detail, detail);
    }
}
