//! Makes log entries the way they come to be in production: from a client's JSON, by arrival.

use serde_json::{Value, json};
use shared::{Arrival, LogEntry, NewLogEntry, Timestamp};

/// The entry that arrives now with the client's `json`.
pub(crate) fn entry(json: &Value) -> LogEntry {
    arrived(json, &Arrival::new(Timestamp::now()), 0)
}

/// The entry at `position` of the request that arrived.
pub(crate) fn arrived(json: &Value, arrival: &Arrival, position: u32) -> LogEntry {
    let json = serde_json::to_vec(json).unwrap();
    let entry = NewLogEntry::from_json(&json).unwrap();
    entry.arrive(arrival, position).unwrap()
}

/// An entry with this message, of the service `test`.
pub(crate) fn message(message: &str) -> LogEntry {
    entry(&json!({"service_name": "test", "message": message}))
}

/// `count` entries of one request, each a microsecond after the one before.
pub(crate) fn series(count: u32, first: Timestamp) -> Vec<LogEntry> {
    let arrival = Arrival::new(Timestamp::now());
    let time = |n: u32| Timestamp::from_micros(first.as_micros() + i64::from(n)).unwrap();
    (0..count)
        .map(|n| {
            let timestamp = time(n).to_string();
            let json = json!({"service": "series", "message": format!("number {n}"), "timestamp": timestamp});
            arrived(&json, &arrival, n)
        })
        .collect()
}
