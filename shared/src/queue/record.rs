//! A queue record: one or more log entries as NDJSON. Packing many entries into one record
//! improves throughput.

use bytes::Bytes;

use crate::log_entry::LogEntry;
use crate::trace::TraceParent;

/// A record is closed once it reaches this size. Even an almost full record plus the largest entry
/// (1 MiB) stays below the 2 MiB limit of the producer and the topic.
const TARGET_BYTES: usize = 512 * 1024;

/// One or more log entries as NDJSON without a trailing line break, and the trace context of the
/// request that they arrived in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    bytes: Bytes,
    trace: Option<TraceParent>,
}

impl Record {
    /// Creates a record from its raw bytes, without parsing them.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self { bytes, trace: None }
    }

    /// Creates a record with a single entry.
    #[must_use]
    pub fn of(entry: &LogEntry) -> Self {
        Self::from_bytes(entry.to_json().into())
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a trace context to the record.
    #[must_use]
    pub fn traced(self, trace: TraceParent) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// The trace context, if the record carries one.
    #[must_use]
    pub fn trace(&self) -> Option<TraceParent> {
        self.trace
    }
}

/// Packs entries into as few records as possible.
#[derive(Debug, Default)]
pub struct RecordPacker {
    full: Vec<Record>,
    full_bytes: usize,
    open: Vec<u8>,
}

impl RecordPacker {
    /// The size of the records so far, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.full_bytes + self.open.len()
    }

    /// Adds an entry, if its JSON is at most `max_bytes` long.
    ///
    /// # Errors
    /// When the JSON is longer. The error is its size in bytes, and the entry is not added.
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
        if self.open.len() >= TARGET_BYTES {
            self.close();
        }
        Ok(())
    }

    /// Returns the packed records.
    #[must_use]
    pub fn finish(mut self) -> Vec<Record> {
        self.close();
        self.full
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let bytes = std::mem::take(&mut self.open);
            self.full_bytes += bytes.len();
            self.full.push(Record::from_bytes(bytes.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::entry;

    #[test]
    fn small_entries_share_a_record() {
        let mut packer = RecordPacker::default();
        for _ in 0..1000 {
            packer.push(&entry("m"), 1024).unwrap();
        }
        let bytes = packer.bytes();
        let records = packer.finish();
        assert_eq!(records.len(), 1);
        assert_eq!(bytes, records[0].as_bytes().len());
        assert_eq!(records[0].as_bytes().split(|byte| *byte == b'\n').count(), 1000);
    }

    #[test]
    fn a_record_exceeds_its_target_size_by_at_most_one_entry() {
        let mut packer = RecordPacker::default();
        let large = entry("m".repeat(300 * 1024));
        for _ in 0..5 {
            packer.push(&large, 1024 * 1024).unwrap();
        }
        let sizes: Vec<usize> = packer.finish().iter().map(|record| record.bytes.len()).collect();
        assert_eq!(sizes.len(), 3);
        assert!(sizes.iter().all(|size| *size < 2 * 1024 * 1024), "{sizes:?}");
    }

    #[test]
    fn an_oversized_entry_does_not_affect_the_others() {
        let mut packer = RecordPacker::default();
        packer.push(&entry("a"), 200).unwrap();
        assert!(packer.push(&entry("m".repeat(200)), 200).is_err());
        packer.push(&entry("b"), 200).unwrap();
        let records = packer.finish();
        let lines: Vec<&[u8]> = records[0].as_bytes().split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| LogEntry::from_json(line).is_ok()));
    }
}
