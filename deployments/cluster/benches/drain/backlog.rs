//! The same entries in three forms: records of the queue, rows, and bodies of bulk requests.
//! Each is made before anything is measured.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::{Value, json};
use shared::queue::{self, Record, RecordPacker};
use shared::{Arrival, LogEntry, NewLogEntry, Timestamp};

use crate::entries::{Numbers, entry};

/// Entries that arrive together.
const ARRIVE: usize = 1000;

/// Entries of a batch: what a consumer writes at a time unless it is told otherwise.
pub(crate) const BATCH: usize = 5000;

/// The largest entry, in bytes of JSON.
const MAX_ENTRY_BYTES: usize = 1024 * 1024;

/// Records that are published at once: 4 MiB.
const PUBLISH: usize = 8;

/// What the loader writes to each sink at a time.
pub(crate) struct Batch {
    /// The rows.
    pub(crate) entries: Vec<LogEntry>,
    /// The body of a bulk request to the index of its day.
    pub(crate) bulk: Bytes,
}

/// So many entries that have just arrived, the same ones in every run but for time and id.
pub(crate) fn entries(count: usize) -> Vec<LogEntry> {
    let mut numbers = Numbers::new(1);
    let mut entries = Vec::with_capacity(count);
    while entries.len() < count {
        let arrival = Arrival::new(Timestamp::now());
        for position in (0..).take(ARRIVE.min(count - entries.len())) {
            let new = NewLogEntry::from_json(entry(&mut numbers).as_bytes()).unwrap();
            entries.push(new.arrive(&arrival, position).unwrap());
        }
    }
    entries
}

/// The entries as the loader writes them.
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

/// The document that the index keeps of an entry.
pub(crate) fn document(entry: &LogEntry) -> Value {
    let mut document: Value = serde_json::from_slice(&entry.to_json()).unwrap();
    document["timestamp_micros"] = json!(entry.timestamp.as_micros());
    document["attributes_json"] = json!(entry.attributes.as_ref().unwrap().as_str());
    document
}

/// Puts the entries on the queue, many a record.
pub(crate) async fn publish(queue_url: &str, entries: &[LogEntry]) {
    let queue = queue::open(&queue_url.parse().unwrap()).await.unwrap();
    let mut packer = RecordPacker::default();
    for entry in entries {
        packer.push(entry, MAX_ENTRY_BYTES).unwrap();
    }
    let records: Vec<Record> = packer.finish();
    for some in records.chunks(PUBLISH) {
        queue.producer.publish(some.to_vec()).await.unwrap();
    }
}
