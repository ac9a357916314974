//! The messages of OTLP in JSON.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::json::Text;

use super::Bounded;
use super::number::{Integer, SeverityNumber};
use crate::record::{Id, LogRecord, Resource, Scope};
use crate::value::{Any, Elements, Pairs};

/// An `AnyValue`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AnyValue<'a> {
    #[serde(borrow, rename = "stringValue", alias = "string_value")]
    string: Option<Text<'a>>,
    #[serde(rename = "boolValue", alias = "bool_value")]
    bool: Option<bool>,
    #[serde(borrow, rename = "intValue", alias = "int_value")]
    int: Option<&'a RawValue>,
    #[serde(borrow, rename = "doubleValue", alias = "double_value")]
    double: Option<&'a RawValue>,
    #[serde(borrow, rename = "arrayValue", alias = "array_value")]
    array: Option<ArrayValue<'a>>,
    #[serde(borrow, rename = "kvlistValue", alias = "kvlist_value")]
    kvlist: Option<KeyValueList<'a>>,
    #[serde(borrow, rename = "bytesValue", alias = "bytes_value")]
    bytes: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ArrayValue<'a> {
    #[serde(borrow)]
    values: Option<Vec<AnyValue<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct KeyValueList<'a> {
    #[serde(borrow)]
    values: Option<Vec<KeyValue<'a>>>,
}

/// A `KeyValue`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KeyValue<'a> {
    #[serde(borrow)]
    key: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<AnyValue<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ResourceLogs<'a> {
    #[serde(borrow)]
    resource: Option<Bounded<JsonResource<'a>>>,
    #[serde(borrow, alias = "schema_url")]
    schema_url: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonResource<'a> {
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(alias = "dropped_attributes_count")]
    dropped_attributes_count: Option<Integer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ScopeLogs<'a> {
    #[serde(borrow, alias = "instrumentationLibrary", alias = "instrumentation_library")]
    scope: Option<Bounded<JsonScope<'a>>>,
    #[serde(borrow, alias = "schema_url")]
    schema_url: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonScope<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(alias = "dropped_attributes_count")]
    dropped_attributes_count: Option<Integer>,
}

/// A `LogRecord`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct JsonRecord<'a> {
    #[serde(alias = "time_unix_nano")]
    time_unix_nano: Option<Integer>,
    #[serde(alias = "observed_time_unix_nano")]
    observed_time_unix_nano: Option<Integer>,
    #[serde(alias = "severity_number")]
    severity_number: Option<SeverityNumber>,
    #[serde(borrow, alias = "severity_text")]
    severity_text: Option<Text<'a>>,
    #[serde(borrow)]
    body: Option<AnyValue<'a>>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(alias = "dropped_attributes_count")]
    dropped_attributes_count: Option<Integer>,
    flags: Option<Integer>,
    #[serde(borrow, alias = "trace_id")]
    trace_id: Option<Text<'a>>,
    #[serde(borrow, alias = "span_id")]
    span_id: Option<Text<'a>>,
    #[serde(borrow, alias = "event_name")]
    event_name: Option<Text<'a>>,
}

impl<'a> AnyValue<'a> {
    pub(crate) fn any(&'a self) -> Any<'a> {
        if let Some(Text(text)) = &self.string {
            Any::Text(Cow::Borrowed(text.as_ref()))
        } else if let Some(value) = self.bool {
            Any::Bool(value)
        } else if let Some(number) = self.int.or(self.double) {
            number_of(number)
        } else if let Some(array) = &self.array {
            Any::Array(Elements::Json(array.values.as_deref().unwrap_or_default()))
        } else if let Some(map) = &self.kvlist {
            Any::Map(Pairs::Json(map.values.as_deref().unwrap_or_default()))
        } else if let Some(Text(base64)) = &self.bytes {
            bytes_of(base64)
        } else {
            Any::Empty
        }
    }
}

impl<'a> KeyValue<'a> {
    pub(crate) fn key(&'a self) -> Cow<'a, str> {
        text_of(self.key.as_ref())
    }

    pub(crate) fn value(&'a self) -> Any<'a> {
        self.value.as_ref().map_or(Any::Empty, AnyValue::any)
    }
}

impl<'a> ResourceLogs<'a> {
    pub(super) fn resource(&'a self) -> Resource<'a> {
        let resource = self.resource.as_ref().map(|Bounded(resource)| resource);
        Resource {
            attributes: pairs_of(resource.and_then(|resource| resource.attributes.as_ref())),
            dropped_attributes_count: count_of(resource.and_then(|r| r.dropped_attributes_count)),
            schema_url: text_of(self.schema_url.as_ref()),
        }
    }
}

impl<'a> ScopeLogs<'a> {
    pub(super) fn scope(&'a self) -> Scope<'a> {
        let scope = self.scope.as_ref().map(|Bounded(scope)| scope);
        Scope {
            name: text_of(scope.and_then(|scope| scope.name.as_ref())),
            version: text_of(scope.and_then(|scope| scope.version.as_ref())),
            attributes: pairs_of(scope.and_then(|scope| scope.attributes.as_ref())),
            dropped_attributes_count: count_of(scope.and_then(|s| s.dropped_attributes_count)),
            schema_url: text_of(self.schema_url.as_ref()),
        }
    }
}

impl<'a> JsonRecord<'a> {
    pub(super) fn log_record(&'a self) -> LogRecord<'a> {
        LogRecord {
            time_unix_nano: count_of(self.time_unix_nano),
            observed_time_unix_nano: count_of(self.observed_time_unix_nano),
            severity_number: self.severity_number.unwrap_or_default().0,
            severity_text: text_of(self.severity_text.as_ref()),
            body: self.body.as_ref().map_or(Any::Empty, AnyValue::any),
            attributes: pairs_of(self.attributes.as_ref()),
            dropped_attributes_count: count_of(self.dropped_attributes_count),
            flags: count_of(self.flags),
            trace_id: Id::Text(text_of(self.trace_id.as_ref())),
            span_id: Id::Text(text_of(self.span_id.as_ref())),
            event_name: text_of(self.event_name.as_ref()),
        }
    }
}

fn pairs_of<'a>(pairs: Option<&'a Vec<KeyValue<'a>>>) -> Pairs<'a> {
    Pairs::Json(pairs.map_or(&[], Vec::as_slice))
}

fn count_of(number: Option<Integer>) -> u64 {
    number.unwrap_or_default().to_u64()
}

/// A number, or a string of one. `NaN` and `Infinity` are strings in JSON.
fn number_of(json: &RawValue) -> Any<'_> {
    let text = json.get().trim_matches('"');
    if let Ok(integer) = text.parse() {
        return Any::Int(integer);
    }
    let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && is_json => Any::Number(text),
        _ => Any::Text(Cow::Borrowed(text)),
    }
}

fn bytes_of(base64: &str) -> Any<'_> {
    let decoded = BASE64_STANDARD.decode(base64).or_else(|_| BASE64_URL_SAFE.decode(base64));
    match decoded {
        Ok(bytes) => Any::Bytes(Cow::Owned(bytes)),
        Err(_) => Any::Text(Cow::Borrowed(base64)),
    }
}

/// The text, or "" if it is absent.
fn text_of<'a>(text: Option<&'a Text<'_>>) -> Cow<'a, str> {
    text.map_or_else(Cow::default, |Text(text)| Cow::Borrowed(text.as_ref()))
}
