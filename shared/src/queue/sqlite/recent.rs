//! The records that were published last. Those who read along get them from here, because the
//! consumer deletes records from the file.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::queue::Record;

/// The maximum size of the records.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The maximum number of records that are returned together.
const MAX_RECORDS: usize = 256;

/// The records that were published last.
pub(super) struct Recent {
    state: Mutex<State>,
    /// The offset of the next record to be published.
    next: watch::Sender<i64>,
}

#[derive(Default)]
struct State {
    /// In order of their offsets, which are consecutive.
    records: VecDeque<Record>,
    /// The offset of the first of them.
    first: i64,
    bytes: usize,
}

impl Recent {
    /// Starts without records; the next one will have the offset `next`.
    pub(super) fn new(next: i64) -> Self {
        let state = State { first: next, ..State::default() };
        Self { state: Mutex::new(state), next: watch::Sender::new(next) }
    }

    /// Adds records that have been published, the last of which has the offset `last`.
    pub(super) fn add(&self, records: &[Record], last: i64) {
        let mut state = self.state();
        state.bytes += records.iter().map(|record| record.as_bytes().len()).sum::<usize>();
        state.records.extend(records.iter().cloned());
        while state.bytes > MAX_BYTES
            && let Some(oldest) = state.records.pop_front()
        {
            state.bytes -= oldest.as_bytes().len();
        }
        state.first = last + 1 - offset(state.records.len());
        self.next.send_replace(last + 1);
    }

    /// The records from this offset on, each with its offset. If there are older records that are no
    /// longer here, the error is the offset of the first that is.
    pub(super) fn read(&self, from: i64) -> Result<Vec<(i64, Record)>, i64> {
        let state = self.state();
        let Ok(skipped) = usize::try_from(from - state.first) else { return Err(state.first) };
        let records = state.records.iter().skip(skipped).take(MAX_RECORDS).cloned();
        Ok((from..).zip(records).collect())
    }

    /// The offset of the next record to be published. It changes with each publication.
    pub(super) fn next(&self) -> watch::Receiver<i64> {
        self.next.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn offset(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: usize) -> Record {
        Record::from_bytes(vec![b'x'; bytes].into())
    }

    fn offsets(recent: &Recent, from: i64) -> Result<Vec<i64>, i64> {
        Ok(recent.read(from)?.into_iter().map(|(offset, _)| offset).collect())
    }

    #[test]
    fn records_are_read_from_an_offset() {
        let recent = Recent::new(5);
        assert_eq!(offsets(&recent, 5), Ok(vec![]));
        recent.add(&[record(1), record(2)], 6);
        recent.add(&[record(3)], 7);
        assert_eq!(offsets(&recent, 5), Ok(vec![5, 6, 7]));
        assert_eq!(offsets(&recent, 7), Ok(vec![7]));
        assert_eq!(offsets(&recent, 8), Ok(vec![]));
        assert_eq!(offsets(&recent, 4), Err(5));
        assert_eq!(*recent.next().borrow(), 8);
        assert_eq!(recent.read(6).unwrap()[0].1.as_bytes().len(), 2);
    }

    #[test]
    fn the_oldest_records_make_room_for_new_ones() {
        let recent = Recent::new(1);
        for offset in 1..=3 {
            recent.add(&[record(MAX_BYTES / 2)], offset);
        }
        assert_eq!(offsets(&recent, 1), Err(2));
        assert_eq!(offsets(&recent, 2), Ok(vec![2, 3]));
        recent.add(&[record(MAX_BYTES + 1)], 4);
        assert_eq!(offsets(&recent, 4), Err(5));
    }
}
