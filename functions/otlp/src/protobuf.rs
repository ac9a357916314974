//! Reads an `ExportLogsServiceRequest` in protobuf, one record at a time. The field numbers are
//! those in opentelemetry-proto's `logs.proto` and `common.proto`.

use std::borrow::Cow;

use shared::protobuf::{Fields, Malformed, Wire};

use crate::decode::Sink;
use crate::invalid::Invalid;
use crate::record::{Id, LogRecord, Resource, Scope};
use crate::value::{Any, Elements, Pairs};

/// The field for the list of scopes in OTLP 0.15 to 0.18, which is otherwise the same as field 2.
const INSTRUMENTATION_LIBRARY_LOGS: u64 = 1000;

/// Passes the resources, scopes and records of a request to the sink.
pub(crate) fn read<S: Sink>(request: &[u8], sink: &mut S) -> Result<(), S::Error> {
    for resource_logs in messages(request, 1) {
        let resource_logs = resource_logs.map_err(Invalid::from)?;
        // The resource may follow its records.
        let resource = resource(resource_logs).map_err(Invalid::from)?;
        sink.resource(&resource)?;
        let scopes = messages(resource_logs, 2);
        for scope_logs in scopes.chain(messages(resource_logs, INSTRUMENTATION_LIBRARY_LOGS)) {
            let scope_logs = scope_logs.map_err(Invalid::from)?;
            let scope = scope(scope_logs).map_err(Invalid::from)?;
            sink.scope(&scope)?;
            for record in messages(scope_logs, 2) {
                let record = record.map_err(Invalid::from)?;
                sink.record(log_record(record).map_err(Invalid::from))?;
            }
        }
    }
    Ok(())
}

/// The nested messages in a field.
pub(crate) fn messages(
    message: &[u8],
    number: u64,
) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields::of(message).filter_map(move |field| match field {
        Ok((found, Wire::Bytes(nested))) if found == number => Some(Ok(nested)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

/// An `AnyValue`.
pub(crate) fn any(message: &[u8]) -> Result<Any<'_>, Malformed> {
    let mut value = Any::Empty;
    for field in Fields::of(message) {
        value = match field? {
            (1, Wire::Bytes(text)) => Any::Text(text_of(text)),
            (2, Wire::Varint(number)) => Any::Bool(number != 0),
            (3, Wire::Varint(number)) => Any::Int(number.cast_signed()),
            (4, Wire::Fixed64(bits)) => Any::Double(f64::from_bits(bits)),
            (5, Wire::Bytes(array)) => Any::Array(Elements::Protobuf(array)),
            (6, Wire::Bytes(map)) => Any::Map(Pairs::Protobuf(map, 1)),
            (7, Wire::Bytes(bytes)) => Any::Bytes(bytes.into()),
            _ => value,
        };
    }
    Ok(value)
}

/// A `KeyValue`.
pub(crate) fn pair(message: &[u8]) -> Result<(Cow<'_, str>, Any<'_>), Invalid> {
    let (mut key, mut value) = (Cow::default(), Any::Empty);
    for field in Fields::of(message) {
        match field? {
            (1, Wire::Bytes(text)) => key = text_of(text),
            (2, Wire::Bytes(message)) => value = any(message)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn resource(resource_logs: &[u8]) -> Result<Resource<'_>, Malformed> {
    let mut resource = Resource::default();
    for field in Fields::of(resource_logs) {
        match field? {
            (1, Wire::Bytes(message)) => {
                resource.attributes = Pairs::Protobuf(message, 1);
                resource.dropped_attributes_count = number(message, 2)?;
            }
            (3, Wire::Bytes(url)) => resource.schema_url = text_of(url),
            _ => {}
        }
    }
    Ok(resource)
}

fn scope(scope_logs: &[u8]) -> Result<Scope<'_>, Malformed> {
    let mut scope = Scope::default();
    for field in Fields::of(scope_logs) {
        match field? {
            (1, Wire::Bytes(message)) => {
                for field in Fields::of(message) {
                    match field? {
                        (1, Wire::Bytes(name)) => scope.name = text_of(name),
                        (2, Wire::Bytes(version)) => scope.version = text_of(version),
                        (4, Wire::Varint(count)) => scope.dropped_attributes_count = count,
                        _ => {}
                    }
                }
                scope.attributes = Pairs::Protobuf(message, 3);
            }
            (3, Wire::Bytes(url)) => scope.schema_url = text_of(url),
            _ => {}
        }
    }
    Ok(scope)
}

fn log_record(message: &[u8]) -> Result<LogRecord<'_>, Malformed> {
    let attributes = Pairs::Protobuf(message, 6);
    let mut record = LogRecord { attributes, ..LogRecord::default() };
    for field in Fields::of(message) {
        match field? {
            (1, Wire::Fixed64(time)) => record.time_unix_nano = time,
            (2, Wire::Varint(number)) => record.severity_number = number.cast_signed(),
            (3, Wire::Bytes(text)) => record.severity_text = text_of(text),
            (5, Wire::Bytes(body)) => record.body = any(body)?,
            (7, Wire::Varint(count)) => record.dropped_attributes_count = count,
            (8, Wire::Fixed32(flags)) => record.flags = flags.into(),
            (9, Wire::Bytes(id)) => record.trace_id = Id::Bytes(id),
            (10, Wire::Bytes(id)) => record.span_id = Id::Bytes(id),
            (11, Wire::Fixed64(time)) => record.observed_time_unix_nano = time,
            (12, Wire::Bytes(name)) => record.event_name = text_of(name),
            _ => {}
        }
    }
    Ok(record)
}

/// The last value of an integer field.
fn number(message: &[u8], number: u64) -> Result<u64, Malformed> {
    let mut last = 0;
    for field in Fields::of(message) {
        if let (found, Wire::Varint(value)) = field?
            && found == number
        {
            last = value;
        }
    }
    Ok(last)
}

/// Reads a string. Some clients, such as Fluent Bit, do not check that strings are valid UTF-8.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
