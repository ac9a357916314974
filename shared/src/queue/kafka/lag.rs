//! Measures the backlog of the assigned partitions: the group's lag, and the age of the oldest
//! record that was polled but not committed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;

use super::group_context::GroupContext;
use super::topics::Topics;
use crate::log_entry::Timestamp;
use crate::queue::{Position, metrics};

/// How long a request for committed offsets may take. It blocks the poll loop.
const OFFSETS_TIMEOUT: Duration = Duration::from_millis(500);

/// Reports the lag of each assigned partition. Blocks.
pub(super) fn report(client: &BaseConsumer<GroupContext>, topics: &Topics) -> KafkaResult<()> {
    let assigned = client.assignment()?;
    for committed in client.committed_offsets(assigned, OFFSETS_TIMEOUT)?.elements() {
        let partition = committed.partition();
        let (low, high) = topics.watermarks(partition)?;
        let next = match committed.offset() {
            Offset::Offset(next) => next.max(low),
            _ => low,
        };
        metrics::report_lag(partition, high - next);
    }
    Ok(())
}

/// The publish times, in milliseconds, of records that were polled but not committed, by
/// partition and offset.
#[derive(Default)]
pub(super) struct UncommittedRecords {
    published_millis: Mutex<BTreeMap<(i32, i64), i64>>,
}

impl UncommittedRecords {
    pub(super) fn insert(&self, position: Position, published_millis: i64) {
        self.published_millis().insert((position.partition, position.offset), published_millis);
    }

    /// Removes the records up to and including the offset of each partition.
    pub(super) fn remove_up_to(&self, offsets: &BTreeMap<i32, i64>) {
        self.published_millis().retain(|(partition, offset), _| {
            offsets.get(partition).is_none_or(|last| offset > last)
        });
    }

    pub(super) fn remove_partition(&self, removed: i32) {
        self.published_millis().retain(|(partition, _), _| *partition != removed);
    }

    pub(super) fn report_oldest_age(&self) {
        let oldest_millis = self.published_millis().values().min().copied();
        let now_millis = Timestamp::now().as_micros() / 1000;
        let age = oldest_millis.map_or(0, |oldest| u64::try_from(now_millis - oldest).unwrap_or(0));
        metrics::report_oldest_age(Duration::from_millis(age));
    }

    fn published_millis(&self) -> MutexGuard<'_, BTreeMap<(i32, i64), i64>> {
        self.published_millis.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
