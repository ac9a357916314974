//! The ids of events. A client that sends the last one it received continues after it, on any
//! replica: besides the entry, it names how far each partition of the queue had been read.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use shared::EntryId;
use shared::queue::Position;

/// The maximum number of partitions in an id.
const MAX_PARTITIONS: usize = 1000;

/// The last record of which something has been read, by partition.
pub(crate) type Offsets = BTreeMap<i32, i64>;

/// Identifies an event. Displayed as `<entry id>@<partition>:<offset>,…`; `+<lines>` follows the
/// partition of the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) entry: EntryId,
    pub(crate) progress: Progress,
}

/// How far the queue has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The records that have been read, including the one that is being read.
    pub(crate) offsets: Arc<Offsets>,
    /// The record that is being read, and the number of its lines that have been read.
    pub(crate) current: Option<(Position, usize)>,
}

impl Progress {
    /// The records that have been read completely.
    pub(crate) fn complete(&self) -> Offsets {
        let mut complete = (*self.offsets).clone();
        if let Some((position, _)) = self.current {
            complete.insert(position.partition, position.offset - 1);
        }
        complete
    }

    /// The number of lines of this record that have been read.
    pub(crate) fn lines_read(&self, record: Position) -> usize {
        match self.current {
            Some((current, lines)) if current == record => lines,
            _ if self.offsets.get(&record.partition) >= Some(&record.offset) => usize::MAX,
            _ => 0,
        }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.entry)?;
        let current = self.progress.current;
        for (index, (partition, offset)) in self.progress.offsets.iter().enumerate() {
            let separator = if index == 0 { '@' } else { ',' };
            write!(f, "{separator}{partition}:{offset}")?;
            if let Some((position, lines)) = current
                && position.partition == *partition
            {
                write!(f, "+{lines}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for EventId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or("must be the id of an event")
    }
}

fn parse(text: &str) -> Option<EventId> {
    let (entry, places) = text.split_once('@')?;
    let mut offsets = Offsets::new();
    let mut current = None;
    for place in places.split(',') {
        let (partition, offset) = place.split_once(':')?;
        let partition: i32 = partition.parse().ok()?;
        let offset = match offset.split_once('+') {
            None => offset.parse().ok()?,
            Some((offset, lines)) => {
                let offset = offset.parse().ok()?;
                let position = Position { partition, offset };
                if current.replace((position, lines.parse().ok()?)).is_some() {
                    return None;
                }
                offset
            }
        };
        if offset < -1 || offsets.insert(partition, offset).is_some() {
            return None;
        }
    }
    if offsets.len() > MAX_PARTITIONS {
        return None;
    }
    let progress = Progress { offsets: Arc::new(offsets), current };
    Some(EventId { entry: entry.parse().ok()?, progress })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    #[test]
    fn an_id_round_trips_through_its_text() {
        for places in ["0:12+3", "0:12,1:7+1,2:-1", "0:1,1:2"] {
            let text = format!("{ID}@{places}");
            assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in ["", ID, "x@0:1", &format!("{ID}@"), &format!("{ID}@0"), &format!("{ID}@0:x")] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
        for places in ["0:1,0:2", "0:1+1,1:1+1", "0:-2", "0:1+-1", "0:1,"] {
            assert!(format!("{ID}@{places}").parse::<EventId>().is_err(), "{places}");
        }
    }

    #[test]
    fn progress_says_what_remains_of_a_record() {
        let id: EventId = format!("{ID}@0:12+3,1:7").parse().unwrap();
        let lines = |partition, offset| id.progress.lines_read(Position { partition, offset });
        assert_eq!([lines(0, 11), lines(0, 12), lines(0, 13)], [usize::MAX, 3, 0]);
        assert_eq!([lines(1, 7), lines(1, 8), lines(2, 0)], [usize::MAX, 0, 0]);
        assert_eq!(id.progress.complete(), Offsets::from([(0, 11), (1, 7)]));
    }
}
