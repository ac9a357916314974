//! How far the queue has been read. An event's id contains this, so that a client that sends the last
//! id it received continues after it on any replica.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use shared::EntryId;

/// The maximum number of partitions in an id.
const MAX_PARTITIONS: usize = 1000;

/// A point in a partition: everything up to this line of this record has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) offset: i64,
    /// The number of lines that have been read, or [`Point::ALL_LINES`].
    pub(crate) lines: u32,
}

impl Point {
    pub(crate) const ALL_LINES: u32 = u32::MAX;

    /// The end of the record with this offset.
    pub(crate) fn after(offset: i64) -> Self {
        Self { offset, lines: Self::ALL_LINES }
    }

    /// The offset of the last record that has been read completely.
    fn last_complete(self) -> i64 {
        if self.lines == Self::ALL_LINES { self.offset } else { self.offset - 1 }
    }
}

/// How far each partition has been read. Displayed as `<partition>:<offset>,…`, where the number of
/// lines that have been read follows the offset of an incomplete record: `0:12.3,1:7`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress(BTreeMap<i32, Point>);

impl Progress {
    /// The progress before the first record to be read from each partition.
    pub(crate) fn before(starts: &BTreeMap<i32, i64>) -> Self {
        Self(
            starts.iter().map(|(partition, start)| (*partition, Point::after(start - 1))).collect(),
        )
    }

    /// This progress, as far as it corresponds to where the queue is read from. The rest is of another
    /// queue, or of records that the queue no longer has.
    pub(crate) fn on(&self, starts: &BTreeMap<i32, i64>, ends: &BTreeMap<i32, i64>) -> Self {
        let mut started = Self::before(starts);
        for (partition, point) in &mut started.0 {
            if let Some(read) = self.0.get(partition)
                && read.last_complete() == point.offset
                && ends.get(partition) > Some(&read.offset)
            {
                *point = *read;
            }
        }
        started
    }

    pub(crate) fn has_read(&self, partition: i32, point: Point) -> bool {
        self.0.get(&partition) >= Some(&point)
    }

    /// Whether everything that the other progress has read has been read.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        other.0.iter().all(|(partition, point)| self.has_read(*partition, *point))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn advance(&mut self, partition: i32, point: Point) {
        let read = self.0.entry(partition).or_insert(point);
        *read = point.max(*read);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (partition, point) in &other.0 {
            self.advance(*partition, *point);
        }
    }

    /// The last records that have been read completely.
    pub(crate) fn offsets(&self) -> BTreeMap<i32, i64> {
        self.0.iter().map(|(partition, point)| (*partition, point.last_complete())).collect()
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (partition, Point { offset, lines })) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{partition}:{offset}")?;
            if *lines != Point::ALL_LINES {
                write!(f, ".{lines}")?;
            }
        }
        Ok(())
    }
}

/// The id of an event: `<entry id>@<progress>`, without an entry at the start of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) entry: Option<EntryId>,
    pub(crate) progress: Progress,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = self.entry {
            write!(f, "{entry}")?;
        }
        write!(f, "@{}", self.progress)
    }
}

impl FromStr for EventId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or("must be the id of an event")
    }
}

fn parse(text: &str) -> Option<EventId> {
    let (entry, points) = text.split_once('@')?;
    let entry = if entry.is_empty() { None } else { Some(entry.parse().ok()?) };
    let mut progress = Progress::default();
    for part in points.split(',') {
        let (partition, point) = part.split_once(':')?;
        let point = match point.split_once('.') {
            None => Point::after(point.parse().ok()?),
            Some((offset, lines)) => {
                Point { offset: offset.parse().ok()?, lines: lines.parse().ok()? }
            }
        };
        let partition: i32 = partition.parse().ok()?;
        let is_valid = partition >= 0 && point.offset >= -1;
        if !is_valid || progress.0.insert(partition, point).is_some() {
            return None;
        }
    }
    (progress.0.len() <= MAX_PARTITIONS).then_some(EventId { entry, progress })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    fn progress(text: &str) -> Progress {
        format!("@{text}").parse::<EventId>().unwrap().progress
    }

    #[test]
    fn an_id_round_trips_through_its_text() {
        for entry in [ID, ""] {
            for points in ["0:12.3", "0:12,1:7.1,2:-1", "0:1.4,1:2.5"] {
                let text = format!("{entry}@{points}");
                assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
            }
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in ["", ID, "x@0:1", &format!("{ID}@"), &format!("{ID}@0"), &format!("{ID}@0:x")] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
        for points in ["0:1,0:2", "-1:1", "0:-2", "0:1.-1", "0:1,", "0:1.2.3"] {
            assert!(format!("@{points}").parse::<EventId>().is_err(), "{points}");
        }
    }

    #[test]
    fn each_line_of_an_incomplete_record_is_read_or_not() {
        let read = progress("0:12.3,1:7");
        let has_read =
            |partition, offset, line| read.has_read(partition, Point { offset, lines: line });
        assert!(has_read(0, 11, Point::ALL_LINES) && has_read(0, 12, 3) && !has_read(0, 12, 4));
        assert!(has_read(1, 7, Point::ALL_LINES) && !has_read(1, 8, 1) && !has_read(2, 0, 1));
        assert_eq!(read.offsets(), BTreeMap::from([(0, 11), (1, 7)]));
    }

    #[test]
    fn progress_is_merged_by_partition() {
        let mut read = progress("0:12.3,1:7");
        assert!(!read.includes(&progress("0:12,1:6")));
        read.merge(&progress("0:12,1:6,2:1"));
        assert_eq!(read, progress("0:12,1:7,2:1"));
        assert!(read.includes(&progress("0:12.9,1:7")));
    }

    #[test]
    fn progress_that_does_not_fit_the_queue_is_replaced() {
        let starts = BTreeMap::from([(0, 12), (1, 8), (2, 5)]);
        let ends = BTreeMap::from([(0, 13), (1, 8), (2, 5)]);
        for (read, expected) in [
            ("0:12.3,1:7,2:4", "0:12.3,1:7,2:4"),
            ("0:99,1:99.3,9:1", "0:11,1:7,2:4"),
            ("0:3.1,1:8,2:-1", "0:11,1:7,2:4"),
            // There is no such record yet.
            ("0:11,1:8.3,2:4", "0:11,1:7,2:4"),
        ] {
            assert_eq!(progress(read).on(&starts, &ends), progress(expected), "{read}");
        }
    }
}
