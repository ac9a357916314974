//! A record of the queue: one or many log entries as NDJSON, one a line.
//! Many entries a record are what makes the queue fast.

use bytes::Bytes;

use crate::log_entry::LogEntry;
use crate::trace::TraceParent;

/// The size from which a record takes no further entry. With the largest entry (1 MiB) on top, a
/// record stays below the 2 MiB that producer and topic take.
const FULL_BYTES: usize = 512 * 1024;

/// One or many log entries as NDJSON, without a line break at the end, and the trace of the request
/// that brought them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    bytes: Bytes,
    trace: Option<TraceParent>,
}

impl Record {
    /// A record as it lies on the queue, whatever it holds.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self { bytes, trace: None }
    }

    /// The record of a single entry.
    #[must_use]
    pub fn of(entry: &LogEntry) -> Self {
        Self::from_bytes(entry.to_json().into())
    }

    /// The record as it lies on the queue.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same record, as a part of a trace.
    #[must_use]
    pub fn traced(self, trace: TraceParent) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// The trace that it is a part of.
    #[must_use]
    pub fn trace(&self) -> Option<TraceParent> {
        self.trace
    }
}

/// Packs entries into few records.
#[derive(Debug, Default)]
pub struct RecordPacker {
    full: Vec<Record>,
    open: Vec<u8>,
}

impl RecordPacker {
    /// Adds an entry, unless its JSON has more than `max_bytes`: then it says how many.
    ///
    /// # Errors
    /// The size of the entry's JSON, in bytes.
    pub fn push(&mut self, entry: &LogEntry, max_bytes: usize) -> Result<(), usize> {
        let before = self.open.len();
        if before > 0 {
            self.open.push(b'\n');
        }
        let start = self.open.len();
        entry.write_json(&mut self.open);
        let size = self.open.len() - start;
        if size > max_bytes {
            self.open.truncate(before);
            return Err(size);
        }
        if self.open.len() >= FULL_BYTES {
            self.close();
        }
        Ok(())
    }

    /// The records.
    #[must_use]
    pub fn finish(mut self) -> Vec<Record> {
        self.close();
        self.full
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let bytes = std::mem::take(&mut self.open);
            self.full.push(Record::from_bytes(bytes.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::{Arrival, NewLogEntry, Timestamp};

    fn entry(message: &str) -> LogEntry {
        let json = format!(r#"{{"service":"a","message":"{message}"}}"#);
        let arrival = Arrival::new(Timestamp::now());
        NewLogEntry::from_json(json.as_bytes()).unwrap().arrive(&arrival, 0).unwrap()
    }

    #[test]
    fn small_entries_share_a_record() {
        let mut packer = RecordPacker::default();
        for _ in 0..1000 {
            packer.push(&entry("m"), 1024).unwrap();
        }
        let records = packer.finish();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].as_bytes().split(|byte| *byte == b'\n').count(), 1000);
    }

    #[test]
    fn no_record_grows_beyond_its_size_and_one_entry() {
        let mut packer = RecordPacker::default();
        let large = entry(&"m".repeat(300 * 1024));
        for _ in 0..5 {
            packer.push(&large, 1024 * 1024).unwrap();
        }
        let sizes: Vec<usize> = packer.finish().iter().map(|record| record.bytes.len()).collect();
        assert_eq!(sizes.len(), 3);
        assert!(sizes.iter().all(|size| *size < 2 * 1024 * 1024), "{sizes:?}");
    }

    #[test]
    fn an_entry_that_is_too_large_leaves_the_others_whole() {
        let mut packer = RecordPacker::default();
        packer.push(&entry("a"), 200).unwrap();
        assert!(packer.push(&entry(&"m".repeat(200)), 200).is_err());
        packer.push(&entry("b"), 200).unwrap();
        let records = packer.finish();
        let lines: Vec<&[u8]> = records[0].as_bytes().split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| LogEntry::from_json(line).is_ok()));
    }
}
