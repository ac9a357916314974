//! Builds log entries for tests.

use crate::log_entry::{Arrival, Attributes, EntryId, Level, LogEntry, Timestamp};
use crate::retention::Class;

/// The default service name of test entries.
const SERVICE_NAME: &str = "checkout";

/// An entry that has just arrived.
#[must_use]
pub fn entry(message: impl Into<String>) -> LogEntry {
    EntryBuilder::new(message).build()
}

/// Entries that have just arrived in one request, in this order.
pub fn entries<M: Into<String>>(messages: impl IntoIterator<Item = M>) -> Vec<LogEntry> {
    let arrival = Arrival::new(Timestamp::now());
    let positioned = (0..).zip(messages);
    positioned
        .map(|(position, message)| EntryBuilder::new(message).arrival(&arrival, position).build())
        .collect()
}

/// `count` entries from one request, with the messages "number 0", "number 1" and so on. Their
/// timestamps start at `first` and are one microsecond apart.
///
/// # Panics
/// If a timestamp would be later than [`Timestamp::MAX`].
#[must_use]
pub fn series(count: u32, first: Timestamp) -> Vec<LogEntry> {
    let mut entries = entries((0..count).map(|number| format!("number {number}")));
    for (offset, entry) in (0..).zip(&mut entries) {
        entry.timestamp = Timestamp::from_micros(first.as_micros() + offset).unwrap();
    }
    entries
}

/// Builds an entry field by field. By default, it is an `INFO` entry from the service `checkout`
/// that has just arrived as the only entry in its request.
#[derive(Debug, Clone)]
pub struct EntryBuilder(LogEntry);

impl EntryBuilder {
    /// Starts an entry with this message.
    ///
    /// # Panics
    /// Never: the default service name is valid.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        let id = Arrival::new(Timestamp::now()).id(0);
        Self(LogEntry {
            id,
            timestamp: id.time(),
            level: Level::default(),
            service_name: SERVICE_NAME.to_owned().try_into().unwrap(),
            message: message.into(),
            attributes: None,
            trace_id: None,
            span_id: None,
            retention: Class::DEFAULT,
        })
    }

    /// Sets the id to that of `position` in the request, and the timestamp to the id's time.
    #[must_use]
    pub fn arrival(self, arrival: &Arrival, position: u32) -> Self {
        let id = arrival.id(position);
        Self(LogEntry { id, timestamp: id.time(), ..self.0 })
    }

    /// Sets the id. Unlike an id sent by a client, it may contain any time.
    #[must_use]
    pub fn id(self, id: EntryId) -> Self {
        Self(LogEntry { id, ..self.0 })
    }

    /// Sets the timestamp.
    #[must_use]
    pub fn timestamp(self, timestamp: Timestamp) -> Self {
        Self(LogEntry { timestamp, ..self.0 })
    }

    /// Sets the level.
    #[must_use]
    pub fn level(self, level: &str) -> Self {
        Self(LogEntry { level: Level::parse(level), ..self.0 })
    }

    /// Sets the service name.
    ///
    /// # Panics
    /// If the name does not have 1 to 255 characters.
    #[must_use]
    pub fn service(self, name: impl Into<String>) -> Self {
        Self(LogEntry { service_name: name.into().try_into().unwrap(), ..self.0 })
    }

    /// Sets the attributes from their JSON.
    ///
    /// # Panics
    /// If the JSON is not an object or nests too deeply.
    #[must_use]
    pub fn attributes(self, json: impl Into<String>) -> Self {
        Self(LogEntry { attributes: Some(Attributes::parse(json.into()).unwrap()), ..self.0 })
    }

    /// Sets the trace and span ids.
    ///
    /// # Panics
    /// If an id does not have 1 to 128 characters.
    #[must_use]
    pub fn trace(self, trace_id: impl Into<String>, span_id: impl Into<String>) -> Self {
        let trace_id = Some(trace_id.into().try_into().unwrap());
        let span_id = Some(span_id.into().try_into().unwrap());
        Self(LogEntry { trace_id, span_id, ..self.0 })
    }

    /// Returns the entry.
    #[must_use]
    pub fn build(self) -> LogEntry {
        self.0
    }
}
