//! Reads an `ExportLogsServiceRequest` in JSON, one record at a time. As protobuf's JSON mapping
//! requires, numbers may be strings, names may be in snake case, and null means absent.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use shared::json::{replace_lone_surrogates, without_byte_order_mark};

use crate::decode::Sink;
use crate::invalid::Invalid;
use crate::record::{Id, LogRecord, Resource, Scope};
use crate::value::{Any, Elements, Pairs};

/// Passes the resources, scopes and records of a request to the sink.
pub(crate) fn read<S: Sink>(request: &mut [u8], sink: &mut S) -> Result<(), S::Error> {
    replace_lone_surrogates(request);
    let request = String::from_utf8_lossy(without_byte_order_mark(request));
    for_each(&request, ["resourceLogs", "resource_logs"], |resource_logs| {
        let parsed: ResourceLogs<'_> = parse(resource_logs)?;
        sink.resource(&parsed.resource())?;
        for_each(resource_logs, ["scopeLogs", "scope_logs"], |scope_logs| {
            let parsed: ScopeLogs<'_> = parse(scope_logs)?;
            sink.scope(&parsed.scope())?;
            for_each(scope_logs, ["logRecords", "log_records"], |record| {
                match parse::<Bounded<JsonRecord<'_>>>(record) {
                    Ok(Bounded(record)) => sink.record(Ok(record.log_record())),
                    Err(invalid) => sink.record(Err(invalid)),
                }
            })
        })
    })
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Invalid> {
    Ok(serde_json::from_str(json)?)
}

/// Visits the JSON of each element of an array in a field of an object. The field may have either
/// of two names.
fn for_each<'a, E: From<Invalid>>(
    object: &'a str,
    names: [&'static str; 2],
    mut visit: impl FnMut(&'a str) -> Result<(), E>,
) -> Result<(), E> {
    let mut failure = None;
    let mut json = serde_json::Deserializer::from_str(object);
    let mut visit =
        |element: &'a RawValue| visit(element.get()).map_err(|error| failure = Some(error));
    let read =
        FieldOf { names, visit: &mut visit }.deserialize(&mut json).and_then(|()| json.end());
    match (failure, read) {
        (Some(error), _) => Err(error),
        (None, read) => Ok(read.map_err(Invalid::from)?),
    }
}

/// Reads an object, and visits the elements of one field.
struct FieldOf<'v, F> {
    names: [&'static str; 2],
    visit: &'v mut F,
}

impl<'de, F: FnMut(&'de RawValue) -> Result<(), ()>> DeserializeSeed<'de> for FieldOf<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&'de RawValue) -> Result<(), ()>> Visitor<'de> for FieldOf<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", self.names[0])
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            if self.names.contains(&name.as_ref()) {
                map.next_value_seed(ElementsOf { visit: &mut *self.visit })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Reads an array or null, and visits its elements.
struct ElementsOf<'v, F> {
    visit: &'v mut F,
}

impl<'de, F: FnMut(&'de RawValue) -> Result<(), ()>> DeserializeSeed<'de> for ElementsOf<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&'de RawValue) -> Result<(), ()>> Visitor<'de> for ElementsOf<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&RawValue>()? {
            // `for_each` returns the error of the visit.
            (self.visit)(element).map_err(|()| de::Error::custom("invalid element"))?;
        }
        Ok(())
    }
}

/// The maximum size of the JSON of a record, a resource or a scope. In memory, arrays of empty values
/// take dozens of times as much.
const MAX_PART_BYTES: usize = 4 * 1024 * 1024;

/// A value whose JSON is not too large to be parsed.
#[derive(Debug)]
struct Bounded<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        if json.len() > MAX_PART_BYTES {
            return Err(de::Error::custom(format_args!(
                "a record, a resource or a scope exceeds {MAX_PART_BYTES} bytes"
            )));
        }
        serde_json::from_str(json).map(Self).map_err(de::Error::custom)
    }
}

/// A string, borrowed from the JSON unless it contains escapes.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    fn cow(text: Option<&'a Self>) -> Cow<'a, str> {
        text.map_or_else(Cow::default, |Text(text)| Cow::Borrowed(text.as_ref()))
    }
}

/// A number, or a string of one.
#[derive(Debug, Clone, Copy, Default)]
struct Integer(i128);

impl Integer {
    fn to_u64(self) -> u64 {
        u64::try_from(self.0).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        let text = json.trim_matches('"');
        let number = match text {
            "" | "null" => Ok(0),
            _ => text.parse::<i128>(),
        };
        let number = number.ok().or_else(|| text.parse().ok().map(integer_part));
        number.map(Self).ok_or_else(|| de::Error::custom(format_args!("{json} is not an integer")))
    }
}

/// The integer part of a number that JavaScript has written with an exponent.
#[expect(clippy::cast_possible_truncation, reason = "the fraction is dropped on purpose")]
fn integer_part(number: f64) -> i128 {
    number as i128
}

/// A `SeverityNumber`: a number, or its name such as `SEVERITY_NUMBER_INFO2`.
#[derive(Debug, Clone, Copy, Default)]
struct SeverityNumber(i64);

impl<'de> Deserialize<'de> for SeverityNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?;
        let name = json.get().trim_matches('"').strip_prefix("SEVERITY_NUMBER_");
        let Some(name) = name else {
            let number = serde_json::from_str::<Integer>(json.get()).map_err(de::Error::custom)?;
            return Ok(Self(i64::try_from(number.0).unwrap_or_default()));
        };
        let base = name.trim_end_matches(['2', '3', '4']);
        let step = name[base.len()..].parse::<i64>().unwrap_or(1);
        let first = match base {
            "TRACE" => 1,
            "DEBUG" => 5,
            "INFO" => 9,
            "WARN" => 13,
            "ERROR" => 17,
            "FATAL" => 21,
            _ => return Ok(Self(0)),
        };
        Ok(Self(first - 1 + step))
    }
}

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
struct ResourceLogs<'a> {
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
struct ScopeLogs<'a> {
    #[serde(borrow)]
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
struct JsonRecord<'a> {
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
        Text::cow(self.key.as_ref())
    }

    pub(crate) fn value(&'a self) -> Any<'a> {
        self.value.as_ref().map_or(Any::Empty, AnyValue::any)
    }
}

impl<'a> ResourceLogs<'a> {
    fn resource(&'a self) -> Resource<'a> {
        let resource = self.resource.as_ref().map(|Bounded(resource)| resource);
        Resource {
            attributes: pairs_of(resource.and_then(|resource| resource.attributes.as_ref())),
            dropped_attributes_count: count_of(resource.and_then(|r| r.dropped_attributes_count)),
            schema_url: Text::cow(self.schema_url.as_ref()),
        }
    }
}

impl<'a> ScopeLogs<'a> {
    fn scope(&'a self) -> Scope<'a> {
        let scope = self.scope.as_ref().map(|Bounded(scope)| scope);
        Scope {
            name: Text::cow(scope.and_then(|scope| scope.name.as_ref())),
            version: Text::cow(scope.and_then(|scope| scope.version.as_ref())),
            attributes: pairs_of(scope.and_then(|scope| scope.attributes.as_ref())),
            dropped_attributes_count: count_of(scope.and_then(|s| s.dropped_attributes_count)),
            schema_url: Text::cow(self.schema_url.as_ref()),
        }
    }
}

impl<'a> JsonRecord<'a> {
    fn log_record(&'a self) -> LogRecord<'a> {
        LogRecord {
            time_unix_nano: count_of(self.time_unix_nano),
            observed_time_unix_nano: count_of(self.observed_time_unix_nano),
            severity_number: self.severity_number.unwrap_or_default().0,
            severity_text: Text::cow(self.severity_text.as_ref()),
            body: self.body.as_ref().map_or(Any::Empty, AnyValue::any),
            attributes: pairs_of(self.attributes.as_ref()),
            dropped_attributes_count: count_of(self.dropped_attributes_count),
            flags: count_of(self.flags),
            trace_id: Id::Text(Text::cow(self.trace_id.as_ref())),
            span_id: Id::Text(Text::cow(self.span_id.as_ref())),
            event_name: Text::cow(self.event_name.as_ref()),
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
