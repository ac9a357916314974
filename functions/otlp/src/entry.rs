//! Builds the entry of a log record: `LogRecord -- EntryBuilder --> NewLogEntry`.
//!
//! The entry keeps the record's attributes under their own names. Everything else in the record
//! that has no field in the entry becomes an additional attribute: the other fields of a map body,
//! `event_name`, `severity_text`, `severity_number`, `observed_timestamp`, `flags`,
//! `dropped_attributes_count`, `resource` (its attributes) and `scope` (its name, version and
//! attributes). If an attribute of the record already has that name, an underscore is appended.

use std::mem;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use shared::NewLogEntry;
use shared::intake::shape::without_line_break;
use shared::log_entry::{Attributes, ServiceName, Timestamp};

use crate::id::Ids;
use crate::invalid::Invalid;
use crate::map_body::{self, KnownValues};
use crate::members::Members;
use crate::record::{LogRecord, Resource, Scope};
use crate::severity;
use crate::value::Any;

/// The attribute that names the service.
const SERVICE_NAME: &str = "service.name";

/// The maximum number of nested levels within an attribute of the entry.
const MAX_LEVELS: usize = Attributes::MAX_DEPTH - 1;

/// A smaller difference between the time of an event and its observed time only reflects the
/// client's processing time.
const MIN_OBSERVATION_DELAY_MICROS: i64 = 1000;

/// Builds the entries of records that share a resource and a scope.
#[derive(Debug, Default)]
pub(crate) struct EntryBuilder {
    service: Option<ServiceName>,
    /// The attributes of the resource as a JSON object, except for the service; empty if there are
    /// none.
    resource: Vec<u8>,
    /// The scope as a JSON object; empty if it has no content.
    scope: Vec<u8>,
    /// A reusable buffer for the attributes of the next entry.
    buffer: Vec<u8>,
}

impl EntryBuilder {
    /// Sets the resource of the records that follow.
    pub(crate) fn set_resource(&mut self, resource: &Resource<'_>) -> Result<(), Invalid> {
        let mut service = None;
        let mut members = Members::new(mem::take(&mut self.resource));
        resource.attributes.try_for_each(|name, value| {
            if name == SERVICE_NAME && service.is_none() {
                service = service_name(&value);
                if is_exact(service.as_ref(), &value) {
                    return Ok(());
                }
            }
            members.add(name, &value, MAX_LEVELS - 1)
        })?;
        members.add_number("dropped_attributes_count", resource.dropped_attributes_count.into());
        members.add_text("schema_url", &resource.schema_url);
        self.service = service;
        self.resource = unless_empty(members);
        Ok(())
    }

    /// Sets the scope of the records that follow.
    pub(crate) fn set_scope(&mut self, scope: &Scope<'_>) -> Result<(), Invalid> {
        let mut members = Members::new(mem::take(&mut self.scope));
        members.add_text("name", &scope.name);
        members.add_text("version", &scope.version);
        if !scope.attributes.is_empty() {
            members.add("attributes".into(), &Any::Map(scope.attributes), MAX_LEVELS - 1)?;
        }
        members.add_number("dropped_attributes_count", scope.dropped_attributes_count.into());
        members.add_text("schema_url", &scope.schema_url);
        self.scope = unless_empty(members);
        Ok(())
    }

    /// Builds the entry of a record.
    pub(crate) fn build(&mut self, record: &LogRecord<'_>) -> Result<NewLogEntry, Invalid> {
        let mut members = Members::new(mem::take(&mut self.buffer));
        let mut service = self.service.clone();
        record.attributes.try_for_each(|name, value| {
            if service.is_none() && name == SERVICE_NAME {
                service = service_name(&value);
            }
            members.add(name, &value, MAX_LEVELS)
        })?;
        let ids = Ids::of(record);
        let known = KnownValues {
            timestamp: timestamp(record.time_unix_nano),
            observed: timestamp(record.observed_time_unix_nano),
            level: severity::level(record),
            service,
            trace_id: ids.trace,
            span_id: ids.span,
        };
        severity::add_details(record, known.level.as_ref(), &mut members);
        let delayed = delayed_observation(&known);
        let mut entry = match &record.body {
            Any::Map(fields) if !fields.is_empty() => map_body::entry(&record.body, known)?,
            body => plain_entry(message(body, record)?, known),
        };
        let fields = entry.attributes.take();
        if let Some(fields) = &fields {
            map_body::add_fields(fields, &mut members)?;
        }
        members.add_text("event_name", &record.event_name);
        members.add_text("observed_timestamp", &delayed.map(|t| t.to_string()).unwrap_or_default());
        members.add_text("trace_id", &ids.other_trace);
        members.add_text("span_id", &ids.other_span);
        members.add_number("flags", record.flags.into());
        members.add_number("dropped_attributes_count", record.dropped_attributes_count.into());
        for (name, object) in [("resource", &self.resource), ("scope", &self.scope)] {
            if !object.is_empty() {
                members.add_json(name, object);
            }
        }
        if !members.is_empty() {
            self.buffer = members.finish();
            entry.attributes = Some(serde_json::from_slice(&self.buffer)?);
        }
        Ok(entry)
    }
}

/// The entry of a record with a body that is not a map.
fn plain_entry(message: String, known: KnownValues) -> NewLogEntry {
    let KnownValues { timestamp, observed, level, service, trace_id, span_id } = known;
    NewLogEntry {
        id: None,
        timestamp: timestamp.or(observed),
        level,
        service_name: service.unwrap_or_else(ServiceName::unknown),
        message,
        attributes: None,
        trace_id,
        span_id,
    }
}

/// The message of a body that is not a map. Without a body, the message is the name of the event.
fn message(body: &Any<'_>, record: &LogRecord<'_>) -> Result<String, Invalid> {
    Ok(match body {
        Any::Empty | Any::Map(_) => record.event_name.clone().into_owned(),
        Any::Text(text) => without_line_break(text).to_owned(),
        Any::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => without_line_break(text).to_owned(),
            Err(_) => BASE64_STANDARD.encode(bytes),
        },
        body => body.to_json()?,
    })
}

/// Converts nanoseconds to an entry's microseconds; `None` if the time is unknown or too large.
fn timestamp(unix_nano: u64) -> Option<Timestamp> {
    let micros = i64::try_from(unix_nano / 1000).ok()?;
    Timestamp::from_micros(micros).filter(|_| unix_nano != 0)
}

/// The observed time, if it differs enough from the time of the event to be kept.
fn delayed_observation(known: &KnownValues) -> Option<Timestamp> {
    let (time, observed) = (known.timestamp?, known.observed?);
    let micros = (observed.as_micros() - time.as_micros()).abs();
    (micros >= MIN_OBSERVATION_DELAY_MICROS).then_some(observed)
}

fn service_name(value: &Any<'_>) -> Option<ServiceName> {
    let text = match value {
        Any::Text(text) => text.trim(),
        Any::Int(number) => &number.to_string(),
        _ => return None,
    };
    ServiceName::truncated(text)
}

/// Whether the service name represents the value exactly.
fn is_exact(service: Option<&ServiceName>, value: &Any<'_>) -> bool {
    matches!(value, Any::Text(text) if service.is_some_and(|name| name.as_str() == text))
}

fn unless_empty(members: Members<'_>) -> Vec<u8> {
    if members.is_empty() { Vec::new() } else { members.finish() }
}

#[cfg(test)]
mod tests;
