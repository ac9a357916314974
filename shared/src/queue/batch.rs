//! A batch of polled records: its entries, its unreadable lines, and the offsets to commit.
//! The offsets are private, so that only polled records can be committed.

use std::collections::BTreeMap;
use std::fmt;

use super::DeadLetter;
use crate::log_entry::{LogEntry, Timestamp};
use crate::trace::TraceParent;

/// The position of a record on the queue. Displayed as `partition/offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The partition, from 0.
    pub partition: i32,
    /// The record's offset in the partition.
    pub offset: i64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.offset)
    }
}

/// Entries that were polled but not yet committed.
#[derive(Debug, Default)]
pub struct Batch {
    entries: Vec<LogEntry>,
    records: Vec<RecordSpan>,
    traces: Vec<TraceParent>,
    unreadable: Vec<DeadLetter>,
    /// The last polled offset of each partition.
    offsets: BTreeMap<i32, i64>,
    bytes: usize,
}

/// The entries of the batch that came from one record: from the end of the previous span to `end`.
/// A span may be empty.
#[derive(Debug)]
struct RecordSpan {
    end: usize,
    position: Position,
}

impl Batch {
    /// The entries, in queue order.
    #[must_use]
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// The lines that are not log entries.
    #[must_use]
    pub fn unreadable(&self) -> &[DeadLetter] {
        &self.unreadable
    }

    /// The size of the polled records, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no records were polled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The trace contexts of the records.
    #[must_use]
    pub fn traces(&self) -> &[TraceParent] {
        &self.traces
    }

    /// Creates the dead letter for an entry that a sink refused.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[must_use]
    pub fn dead_letter(&self, index: usize, reason: String, time: Timestamp) -> DeadLetter {
        let record = self.records.partition_point(|record| record.end <= index);
        let source = self.records[record].position;
        DeadLetter { line: self.entries[index].to_json(), reason, source, time }
    }

    /// Appends a batch that was polled later.
    pub fn append(&mut self, later: Self) {
        let before = self.entries.len();
        let records = later.records.into_iter();
        self.records
            .extend(records.map(|record| RecordSpan { end: before + record.end, ..record }));
        self.traces.extend(later.traces);
        self.entries.extend(later.entries);
        self.unreadable.extend(later.unreadable);
        self.offsets.extend(later.offsets);
        self.bytes += later.bytes;
    }

    /// Parses a record and appends it. Lines that are not log entries become dead letters
    /// with the given `time`.
    #[cfg_attr(not(any(test, feature = "kafka", feature = "sqlite")), expect(dead_code))]
    pub(super) fn push_record(
        &mut self,
        position: Position,
        record: &[u8],
        traces: impl IntoIterator<Item = TraceParent>,
        time: Timestamp,
    ) {
        for line in record.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match LogEntry::from_json(line) {
                Ok(entry) => self.entries.push(entry),
                Err(error) => self.unreadable.push(DeadLetter {
                    line: line.to_vec(),
                    reason: format!("not a log entry: {error}"),
                    source: position,
                    time,
                }),
            }
        }
        self.records.push(RecordSpan { end: self.entries.len(), position });
        self.traces.extend(traces);
        self.offsets.insert(position.partition, position.offset);
        self.bytes += record.len();
    }

    /// The last polled offset of each partition.
    #[cfg_attr(not(any(test, feature = "kafka", feature = "sqlite")), expect(dead_code))]
    pub(super) fn offsets(&self) -> &BTreeMap<i32, i64> {
        &self.offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::entry;

    fn line(message: &str) -> String {
        String::from_utf8(entry(message).to_json()).unwrap()
    }

    fn batch(partition: i32, offset: i64, record: &str) -> Batch {
        let mut batch = Batch::default();
        let position = Position { partition, offset };
        batch.push_record(position, record.as_bytes(), None, Timestamp::now());
        batch
    }

    #[test]
    fn a_bad_line_does_not_affect_its_neighbours() {
        let batch = batch(0, 5, &format!("{}\nnot json\n{}", line("a"), line("b")));
        assert_eq!(batch.entries().len(), 2);
        assert_eq!(batch.unreadable()[0].line, b"not json");
        assert_eq!(batch.unreadable()[0].source, Position { partition: 0, offset: 5 });
    }

    #[test]
    fn a_dead_letter_refers_to_its_source_record() {
        let mut all = batch(0, 1, &format!("{}\n{}", line("a"), line("b")));
        all.append(batch(1, 9, "not json"));
        all.append(batch(2, 7, &line("c")));
        let offset = |index| all.dead_letter(index, String::new(), Timestamp::now()).source.offset;
        assert_eq!([offset(0), offset(1), offset(2)], [1, 1, 7]);
    }

    #[test]
    fn an_empty_record_can_be_committed() {
        let batch = batch(0, 3, "");
        assert!(batch.entries().is_empty() && !batch.is_empty());
        assert_eq!(batch.offsets()[&0], 3);
    }
}
