//! The entry that the benchmarks use. It is the same in every run.

use shared::{Arrival, LogEntry, NewLogEntry, Timestamp};

/// An entry as a client sends it.
pub(crate) const JSON: &str = concat!(
    r#"{"timestamp":"2026-11-28T09:15:04.218Z","level":"ERROR","service_name":"checkout","#,
    r#""message":"Payment of order 48213 declined after 312 ms: insufficient funds","#,
    r#""attributes":{"order_id":48213,"region":"eu-west-1","retries":2}}"#
);

/// The time when the entry arrives.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-11-28T09:15:05Z").expect("the time is valid")
}

pub(crate) fn arrival() -> Arrival {
    Arrival::of_request("sample", now())
}

pub(crate) fn new_entry() -> NewLogEntry {
    NewLogEntry::from_json(JSON.as_bytes()).expect("the entry is valid")
}

/// The entry at this position of a request, as it is stored.
pub(crate) fn entry(position: u32) -> LogEntry {
    new_entry().arrive(&arrival(), position).expect("the entry has no id of its own")
}
