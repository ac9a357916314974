//! Turns records of any shape into entries: finds the time, level, service and message by the
//! names that loggers and shippers use, and keeps the other fields as attributes.
//! `Record -- into_entry(Names, Defaults) --> NewLogEntry`
//!
//! No information is lost. A field is omitted from the attributes only if the entry represents its
//! value exactly. A time that cannot be parsed, the original of a truncated service name and the
//! second of two messages are all kept under their own names. Nested objects are kept whole, even
//! if the entry contains one of their fields.

mod attributes;
mod field;
mod guesses;
mod line;
mod logfmt;
mod names;
pub mod quoted;
mod record;
mod time;
mod value;

use crate::log_entry::{Level, NewLogEntry, ServiceName, Timestamp, ValidationError};

pub use field::Field;
use guesses::Guesses;
pub use line::max_parsed_bytes;
pub use names::{Meaning, Names};
pub use record::Record;
pub use value::without_line_break;

/// The attribute that keeps the text that a record was parsed from, as in OpenTelemetry.
const ORIGINAL_ATTRIBUTE: &str = "log.record.original";

/// Values that the protocol provides for fields that the record lacks.
#[derive(Debug, Default)]
pub struct Defaults {
    /// When the event happened.
    pub timestamp: Option<Timestamp>,
    /// The severity.
    pub level: Option<Level>,
    /// The service.
    pub service: Option<ServiceName>,
    /// The message. If it is absent too, the record's JSON becomes the message.
    pub message: Option<String>,
}

impl Record<'_> {
    /// Turns the record into an entry.
    ///
    /// # Errors
    /// When the record is empty and the defaults contain no message.
    pub fn into_entry(
        self,
        names: &Names,
        defaults: Defaults,
    ) -> Result<NewLogEntry, ValidationError> {
        self.into_entry_with(names, Defaults::default(), defaults)
    }

    /// Turns the record into an entry. Values that are `known` take precedence over fields with the
    /// same meaning, which become attributes.
    ///
    /// # Errors
    /// When the record is empty and no message is known.
    pub fn into_entry_with(
        mut self,
        names: &Names,
        known: Defaults,
        defaults: Defaults,
    ) -> Result<NewLogEntry, ValidationError> {
        if self.is_empty() && known.message.is_none() && defaults.message.is_none() {
            return Err(ValidationError::whole("the entry has no fields"));
        }
        let mut guesses = Guesses::new(&self, names);
        let timestamp = known.timestamp.or_else(|| guesses.take(Meaning::Time, time::parse));
        let timestamp = timestamp.or_else(|| time::in_two_fields(&self));
        let level = known
            .level
            .or_else(|| guesses.take(Meaning::Level, value::named_level))
            .or_else(|| guesses.take(Meaning::Level, value::level))
            .or_else(|| guesses.take(Meaning::PossibleLevel, value::named_level))
            .or_else(|| guesses.take(Meaning::LevelNumber, value::level_number));
        let service = known.service.or_else(|| guesses.take(Meaning::Service, value::service));
        let trace_id = guesses.take(Meaning::TraceId, value::trace_id);
        let span_id = guesses.take(Meaning::SpanId, value::trace_id);
        let message = known
            .message
            .or_else(|| guesses.take(Meaning::Message, value::message))
            .or(defaults.message)
            .or_else(|| guesses.take(Meaning::Message, value::structured_message));
        let message = message.unwrap_or_else(|| self.to_json());
        let mut represented = guesses.into_represented();
        if let Some(original) = self.original.filter(|original| original.trim() != message.trim()) {
            self.push_text(ORIGINAL_ATTRIBUTE, original);
            represented.push(false);
        }
        Ok(NewLogEntry {
            id: None,
            timestamp: timestamp.or(defaults.timestamp),
            level: level.or(defaults.level),
            service_name: service.or(defaults.service).unwrap_or_else(ServiceName::unknown),
            message,
            attributes: attributes::build(&self, &represented)?,
            trace_id,
            span_id,
        })
    }
}

#[cfg(test)]
mod tests;
