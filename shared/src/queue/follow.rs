//! Following the queue: records as they are published, without a consumer group.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Position, Record};
use crate::error::{Ready, Result};
use crate::log_entry::Timestamp;

/// Follows the queue.
///
/// # Contract
/// * Every record that is published after `follow` returns is read.
/// * The records of a partition are read in order, and each of them once.
/// * Nothing is committed, and consumers are not affected.
/// * Reading ends when [`Followed`] is dropped. When nobody follows, nothing is read.
#[async_trait]
pub trait Follower: Ready {
    /// Starts to read records.
    ///
    /// # Errors
    /// When the queue does not respond ([`Error::Unavailable`](crate::Error::Unavailable)).
    async fn follow(&self, start: Start) -> Result<Followed>;
}

/// Where to start reading. Records that are no longer on the queue are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With the records that are published from now on.
    Now,
    /// With the records that were published at this time or later.
    At(Timestamp),
    /// After these offsets. A partition that is not listed is read from its beginning.
    After(BTreeMap<i32, i64>),
}

/// Records as they are published.
#[derive(Debug)]
pub struct Followed {
    /// The offset of the first record that will be read from each partition.
    pub starts: BTreeMap<i32, i64>,
    /// The offset of the next record to be published to each partition, when reading started.
    pub ends: BTreeMap<i32, i64>,
    records: mpsc::Receiver<Vec<(Position, Record)>>,
}

impl Followed {
    /// Creates it for records that a task sends.
    #[must_use]
    pub fn new(
        starts: BTreeMap<i32, i64>,
        ends: BTreeMap<i32, i64>,
        records: mpsc::Receiver<Vec<(Position, Record)>>,
    ) -> Self {
        Self { starts, ends, records }
    }

    /// Waits for records, and returns at least one. Returns `None` if the queue was lost: follow it
    /// again after the last record that was read. Cancelling it loses no records.
    pub async fn next(&mut self) -> Option<Vec<(Position, Record)>> {
        self.records.recv().await
    }
}
