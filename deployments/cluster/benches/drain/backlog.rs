//! The same entries in three forms: queue records, rows, and bulk request bodies. All are prepared
//! before the measurement.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::{Value, json};
use shared::queue::{self, Record, RecordPacker};
use shared::{Arrival, LogEntry, NewLogEntry, Timestamp};

use crate::entries::{Numbers, entry};

/// Entries that arrive in one request.
const REQUEST_ENTRIES: usize = 1000;

/// Entries per batch: the default of `BATCH_MAX_ENTRIES`.
pub(crate) const BATCH: usize = 5000;

/// The maximum size of an entry as JSON.
const MAX_ENTRY_BYTES: usize = 1024 * 1024;

/// Records per call of `publish`.
const PUBLISH_RECORDS: usize = 8;

/// The entries that the loader writes to each sink in one transaction or bulk request.
pub(crate) struct Batch {
    /// The entries, for the rows in MySQL.
    pub(crate) entries: Vec<LogEntry>,
    /// The body of the bulk request that indexes them.
    pub(crate) bulk: Bytes,
}

/// Creates entries that have just arrived. Only their timestamps and ids differ between runs.
pub(crate) fn entries(count: usize) -> Vec<LogEntry> {
    let mut numbers = Numbers::new(1);
    let mut entries = Vec::with_capacity(count);
    while entries.len() < count {
        let arrival = Arrival::new(Timestamp::now());
        for position in (0..).take(REQUEST_ENTRIES.min(count - entries.len())) {
            let new = NewLogEntry::from_json(entry(&mut numbers).as_bytes()).unwrap();
            entries.push(new.arrive(&arrival, position).unwrap());
        }
    }
    entries
}

/// The batches that the loader writes.
pub(crate) fn batches(entries: &[LogEntry]) -> Vec<Batch> {
    let batches = entries.chunks(BATCH);
    batches.map(|entries| Batch { entries: entries.to_vec(), bulk: bulk(entries) }).collect()
}

fn bulk(entries: &[LogEntry]) -> Bytes {
    let mut body = String::new();
    for entry in entries {
        let id = id(entry);
        writeln!(body, "{{\"create\":{{\"_id\":{id}}}}}\n{}", document(entry)).unwrap();
    }
    body.into()
}

/// The id as JSON.
fn id(entry: &LogEntry) -> Value {
    serde_json::to_value(entry.id).unwrap()
}

/// The document that the index stores for an entry.
pub(crate) fn document(entry: &LogEntry) -> Value {
    let mut document: Value = serde_json::from_slice(&entry.to_json()).unwrap();
    document["timestamp_micros"] = json!(entry.timestamp.as_micros());
    document["attributes_json"] = json!(entry.attributes.as_ref().unwrap().as_str());
    document
}

/// Publishes the entries, many per record.
pub(crate) async fn publish(queue_url: &str, entries: &[LogEntry]) {
    let queue = queue::open(&queue_url.parse().unwrap()).await.unwrap();
    let mut packer = RecordPacker::default();
    for entry in entries {
        packer.push(entry, MAX_ENTRY_BYTES).unwrap();
    }
    let records: Vec<Record> = packer.finish();
    for records in records.chunks(PUBLISH_RECORDS) {
        queue.producer.publish(records.to_vec()).await.unwrap();
    }
}
