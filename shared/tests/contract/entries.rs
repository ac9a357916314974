//! Entries to put through a port, and what they look like.

use shared::{Arrival, LogEntry, NewLogEntry, Timestamp};

/// An entry that just arrived.
pub(crate) fn entry(message: &str) -> LogEntry {
    entries([message]).remove(0)
}

/// Entries that arrived in one request.
pub(crate) fn entries<'a>(messages: impl IntoIterator<Item = &'a str>) -> Vec<LogEntry> {
    let arrival = Arrival::new(Timestamp::now());
    let mut entries = Vec::new();
    for (position, message) in (0..).zip(messages) {
        let json = serde_json::json!({"service_name": "contract", "message": message});
        let new = NewLogEntry::from_json(json.to_string().as_bytes()).unwrap();
        entries.push(new.arrive(&arrival, position).unwrap());
    }
    entries
}

/// An entry as its JSON: two that look the same are the same.
pub(crate) fn json(entry: &LogEntry) -> String {
    String::from_utf8(entry.to_json()).unwrap()
}
