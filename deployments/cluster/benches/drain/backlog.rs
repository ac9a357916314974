//! The same entries in three forms: queue records, rows, and bulk request bodies. All are prepared
//! before the measurement.

use std::collections::HashMap;
use std::fmt::Write;

use bytes::Bytes;
use serde_json::value::RawValue;
use shared::queue::{self, Record, RecordPacker};
use shared::{Arrival, LogEntry, NewLogEntry, Timestamp};

use crate::entries::{Rng, entry};

/// Entries that arrive in one request.
const ENTRIES_PER_REQUEST: usize = 1000;

/// Entries in a transaction and in a bulk request of the loader. The consumer's bulk requests are about
/// as large; its transactions have up to `BATCH_MAX_ENTRIES` entries.
pub(crate) const BATCH_ENTRIES: usize = 5000;

/// The maximum size of an entry as JSON.
const MAX_ENTRY_BYTES: usize = 1024 * 1024;

/// Records per `publish` call.
const RECORDS_PER_PUBLISH: usize = 8;

/// The entries that the loader writes to each sink in one transaction or bulk request.
pub(crate) struct Batch {
    /// The entries, for the rows in MySQL.
    pub(crate) entries: Vec<LogEntry>,
    /// The body of the bulk request that indexes the entries.
    pub(crate) bulk: Bytes,
}

/// Creates entries that have just arrived. Only their timestamps and ids differ between runs.
pub(crate) fn entries(count: usize) -> Vec<LogEntry> {
    let mut rng = Rng::new(1);
    let mut entries = Vec::with_capacity(count);
    while entries.len() < count {
        let arrival = Arrival::new(Timestamp::now());
        for position in (0..).take(ENTRIES_PER_REQUEST.min(count - entries.len())) {
            let new = NewLogEntry::from_json(entry(&mut rng).as_bytes()).unwrap();
            entries.push(new.arrive(&arrival, position).unwrap());
        }
    }
    entries
}

/// The batches that the loader writes. `documents` are the entries' documents by id.
pub(crate) fn batches(
    entries: &[LogEntry],
    documents: &HashMap<String, Box<RawValue>>,
) -> Vec<Batch> {
    let batches = entries.chunks(BATCH_ENTRIES);
    let batch =
        |entries: &[LogEntry]| Batch { entries: entries.to_vec(), bulk: bulk(entries, documents) };
    batches.map(batch).collect()
}

fn bulk(entries: &[LogEntry], documents: &HashMap<String, Box<RawValue>>) -> Bytes {
    let mut body = String::new();
    for entry in entries {
        let id = entry.id.to_string();
        let document = &documents[&id];
        writeln!(body, "{{\"create\":{{\"_id\":\"{id}\"}}}}\n{document}").unwrap();
    }
    body.into()
}

/// Packs the entries into records, many per record.
pub(crate) fn records(entries: &[LogEntry]) -> Vec<Record> {
    let mut packer = RecordPacker::default();
    for entry in entries {
        packer.push(entry, MAX_ENTRY_BYTES).unwrap();
    }
    packer.finish()
}

/// Publishes the records.
pub(crate) async fn publish(queue_url: &str, records: Vec<Record>) {
    let queue = queue::open(&queue_url.parse().unwrap()).await.unwrap();
    for records in records.chunks(RECORDS_PER_PUBLISH) {
        queue.producer.publish(records.to_vec()).await.unwrap();
    }
}
