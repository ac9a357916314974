//! What was polled: entries to store, lines that are none, and what to commit.
//! Its offsets are private, so that only what was polled can be committed.

use std::collections::BTreeMap;
use std::fmt;

use super::DeadLetter;
use crate::log_entry::{LogEntry, Timestamp};
use crate::trace::TraceParent;

/// Where a record lies on the queue.
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

/// Entries that were polled and are not yet committed.
#[derive(Debug, Default)]
pub struct Batch {
    entries: Vec<LogEntry>,
    records: Vec<Polled>,
    unreadable: Vec<DeadLetter>,
    /// For each partition: the offset of the last record.
    offsets: BTreeMap<i32, i64>,
    bytes: usize,
}

/// A record, which may hold no entry.
#[derive(Debug)]
struct Polled {
    /// The number of entries of the batch up to its end.
    end: usize,
    source: Position,
    trace: Option<TraceParent>,
}

impl Batch {
    /// The entries, in the order of the queue.
    #[must_use]
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// The lines that are no log entries.
    #[must_use]
    pub fn unreadable(&self) -> &[DeadLetter] {
        &self.unreadable
    }

    /// How much of the queue the batch covers, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Nothing was polled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The traces of its records, where they have one.
    pub fn traces(&self) -> impl Iterator<Item = TraceParent> {
        self.records.iter().filter_map(|record| record.trace)
    }

    /// The dead letter of an entry that a sink refused.
    ///
    /// # Panics
    /// If the batch has no entry `index`.
    #[must_use]
    pub fn dead_letter(&self, index: usize, reason: String, time: Timestamp) -> DeadLetter {
        let record = self.records.partition_point(|record| record.end <= index);
        let source = self.records[record].source;
        DeadLetter { line: self.entries[index].to_json(), reason, source, time }
    }

    /// Adds what was polled later.
    pub fn append(&mut self, later: Self) {
        let before = self.entries.len();
        let records = later.records.into_iter();
        self.records.extend(records.map(|record| Polled { end: before + record.end, ..record }));
        self.entries.extend(later.entries);
        self.unreadable.extend(later.unreadable);
        self.offsets.extend(later.offsets);
        self.bytes += later.bytes;
    }

    /// Adds a record as it lies on the queue. `time` is when its bad lines were given up.
    pub(super) fn push_record(
        &mut self,
        source: Position,
        record: &[u8],
        trace: Option<TraceParent>,
        time: Timestamp,
    ) {
        for line in record.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match LogEntry::from_json(line) {
                Ok(entry) => self.entries.push(entry),
                Err(error) => self.unreadable.push(DeadLetter {
                    line: line.to_vec(),
                    reason: format!("not a log entry: {error}"),
                    source,
                    time,
                }),
            }
        }
        self.records.push(Polled { end: self.entries.len(), source, trace });
        self.offsets.insert(source.partition, source.offset);
        self.bytes += record.len();
    }

    /// For each partition: the offset of the last record polled.
    pub(super) fn offsets(&self) -> &BTreeMap<i32, i64> {
        &self.offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::{Arrival, NewLogEntry};

    fn line(message: &str) -> String {
        let json = format!(r#"{{"service":"a","message":"{message}"}}"#);
        let new = NewLogEntry::from_json(json.as_bytes()).unwrap();
        let entry = new.arrive(&Arrival::new(Timestamp::now()), 0).unwrap();
        String::from_utf8(entry.to_json()).unwrap()
    }

    fn batch(partition: i32, offset: i64, record: &str) -> Batch {
        let mut batch = Batch::default();
        batch.push_record(
            Position { partition, offset },
            record.as_bytes(),
            None,
            Timestamp::now(),
        );
        batch
    }

    #[test]
    fn one_bad_line_leaves_its_neighbours_whole() {
        let batch = batch(0, 5, &format!("{}\nnot json\n{}", line("a"), line("b")));
        assert_eq!(batch.entries().len(), 2);
        assert_eq!(batch.unreadable()[0].line, b"not json");
        assert_eq!(batch.unreadable()[0].source, Position { partition: 0, offset: 5 });
    }

    #[test]
    fn a_dead_letter_tells_the_record_it_came_from() {
        let mut all = batch(0, 1, &format!("{}\n{}", line("a"), line("b")));
        all.append(batch(1, 9, "not json"));
        all.append(batch(2, 7, &line("c")));
        let offset = |index| all.dead_letter(index, String::new(), Timestamp::now()).source.offset;
        assert_eq!([offset(0), offset(1), offset(2)], [1, 1, 7]);
    }

    #[test]
    fn an_empty_record_is_committed_all_the_same() {
        let batch = batch(0, 3, "");
        assert!(batch.entries().is_empty() && !batch.is_empty());
        assert_eq!(batch.offsets()[&0], 3);
    }
}
