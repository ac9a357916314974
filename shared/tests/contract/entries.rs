//! Builds entries from client JSON for the contract suites. Other entries come from
//! `shared::testing`.

use serde_json::Value;
use shared::{Arrival, LogEntry, NewLogEntry, Timestamp};

pub(crate) use shared::testing::{entries, entry, series};

/// The entry that LogPulse stores if a client sends `json` now.
pub(crate) fn from_json(json: &Value) -> LogEntry {
    arrived(json, &Arrival::new(Timestamp::now()), 0)
}

/// The entry that LogPulse stores if a client sends `json` at `position` in a request.
pub(crate) fn arrived(json: &Value, arrival: &Arrival, position: u32) -> LogEntry {
    let new = NewLogEntry::from_json(json.to_string().as_bytes()).unwrap();
    new.arrive(arrival, position).unwrap()
}

/// The JSON of an entry.
pub(crate) fn text(entry: &LogEntry) -> String {
    String::from_utf8(entry.to_json()).unwrap()
}
