//! Reads an `ExportLogsServiceRequest` in JSON, one record at a time. As protobuf's JSON mapping
//! requires, numbers may be strings, names may be in snake case, and null means absent.

mod message;
mod number;

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use shared::json::{Text, replace_lone_surrogates, without_byte_order_mark};

use crate::decode::Sink;
use crate::invalid::Invalid;
pub(crate) use message::{AnyValue, KeyValue};
use message::{JsonRecord, ResourceLogs, ScopeLogs};

/// The names of the list of scopes. OTLP before 0.15 called a scope an instrumentation library.
const SCOPE_LOGS: &[&str] =
    &["scopeLogs", "scope_logs", "instrumentationLibraryLogs", "instrumentation_library_logs"];

/// Passes the resources, scopes and records of a request to the sink.
pub(crate) fn read<S: Sink>(request: &mut [u8], sink: &mut S) -> Result<(), S::Error> {
    replace_lone_surrogates(request);
    let request = String::from_utf8_lossy(without_byte_order_mark(request));
    for_each(&request, &["resourceLogs", "resource_logs"], |resource_logs| {
        let parsed: ResourceLogs<'_> = parse(resource_logs)?;
        sink.resource(&parsed.resource())?;
        for_each(resource_logs, SCOPE_LOGS, |scope_logs| {
            let parsed: ScopeLogs<'_> = parse(scope_logs)?;
            sink.scope(&parsed.scope())?;
            for_each(scope_logs, &["logRecords", "log_records", "logs"], |record| {
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

/// Visits the JSON of each element of the array in an object's field. The field may have any of the
/// names.
fn for_each<'a, E: From<Invalid>>(
    object: &'a str,
    names: &'static [&'static str],
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
    names: &'static [&'static str],
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

/// The maximum size of the JSON of a record, a resource or a scope. In memory, arrays of empty
/// values take dozens of times as much.
const MAX_PART_BYTES: usize = 4 * 1024 * 1024;

/// A value that is parsed only if its JSON is not too large.
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
