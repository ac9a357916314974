//! Entries to put through a port, and what they look like.

use serde_json::{Value, json};
use shared::{Arrival, LogEntry, NewLogEntry, Timestamp};

/// An entry that just arrived.
pub(crate) fn entry(message: &str) -> LogEntry {
    entries([message]).remove(0)
}

/// Entries that arrived in one request.
pub(crate) fn entries<'a>(messages: impl IntoIterator<Item = &'a str>) -> Vec<LogEntry> {
    let arrival = Arrival::new(Timestamp::now());
    let entry = |(position, message)| {
        arrived(&json!({"service_name": "contract", "message": message}), &arrival, position)
    };
    (0..).zip(messages).map(entry).collect()
}

/// The entry that arrives now with the client's `json`.
pub(crate) fn from_json(json: &Value) -> LogEntry {
    arrived(json, &Arrival::new(Timestamp::now()), 0)
}

/// The entry at `position` of the request that arrived.
pub(crate) fn arrived(json: &Value, arrival: &Arrival, position: u32) -> LogEntry {
    let new = NewLogEntry::from_json(json.to_string().as_bytes()).unwrap();
    new.arrive(arrival, position).unwrap()
}

/// `count` entries of one request, each a microsecond after the one before.
pub(crate) fn series(count: u32, first: Timestamp) -> Vec<LogEntry> {
    let arrival = Arrival::new(Timestamp::now());
    let time = |n: u32| Timestamp::from_micros(first.as_micros() + i64::from(n)).unwrap();
    let entry = |n| {
        let (message, timestamp) = (format!("number {n}"), time(n).to_string());
        arrived(
            &json!({"service": "series", "message": message, "timestamp": timestamp}),
            &arrival,
            n,
        )
    };
    (0..count).map(entry).collect()
}

/// An entry as its JSON: two that look the same are the same.
pub(crate) fn text(entry: &LogEntry) -> String {
    String::from_utf8(entry.to_json()).unwrap()
}
