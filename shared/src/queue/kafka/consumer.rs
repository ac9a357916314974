//! The reading end on Kafka: takes what the group's member has polled, and commits what is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::{Mutex, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::member::{Member, Membership};
use super::reconnecting_client::drop_in_background;
use super::settings::Settings;
use super::topics::Topics;
use super::{failed, unavailable};
use crate::error::{Ready, Result};
use crate::queue::{Batch, Consumer};

/// Batches that wait to be polled: while one is taken, the next is read.
const READ_AHEAD: usize = 2;

/// How long a commit may take. Its batch is done anyway, and the next commit covers it.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// `poll` and `commit` on Kafka.
pub(super) struct KafkaConsumer {
    settings: Arc<Settings>,
    topics: Arc<Topics>,
    /// From the first poll on.
    joined: Mutex<Option<Arc<Joined>>>,
}

struct Joined {
    client: Arc<BaseConsumer<Membership>>,
    batches: Mutex<mpsc::Receiver<Batch>>,
}

impl KafkaConsumer {
    pub(super) fn new(settings: &Arc<Settings>, topics: &Arc<Topics>) -> Self {
        let (settings, topics) = (Arc::clone(settings), Arc::clone(topics));
        Self { settings, topics, joined: Mutex::default() }
    }

    /// The member of the group. Joins it if there is none.
    async fn member(&self) -> Result<Arc<Joined>> {
        let mut joined = self.joined.lock().await;
        if let Some(joined) = &*joined {
            return Ok(Arc::clone(joined));
        }
        let new = Arc::new(self.join().await?);
        *joined = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Another member joins with the next poll: this one has lost every broker.
    async fn give_up(&self, lost: Arc<Joined>) {
        let mut joined = self.joined.lock().await;
        drop_in_background((joined.take_if(|joined| Arc::ptr_eq(joined, &lost)), lost));
    }

    async fn join(&self) -> Result<Joined> {
        self.topics.ensure().await?;
        let (sender, batches) = mpsc::channel(READ_AHEAD);
        let member =
            Member::join(&self.settings, Arc::clone(&self.topics), sender).map_err(failed)?;
        let client = member.client();
        // The runtime waits for it, up to its deadline: the group is left before the process ends.
        spawn_blocking(move || member.poll());
        Ok(Joined { client, batches: Mutex::new(batches) })
    }
}

#[async_trait]
impl Ready for KafkaConsumer {
    async fn ready(&self) -> Result<()> {
        self.topics.ready(&self.settings.topic).await
    }
}

#[async_trait]
impl Consumer for KafkaConsumer {
    async fn poll(&self) -> Result<Batch> {
        let joined = self.member().await?;
        let polled = joined.batches.lock().await.recv().await;
        if polled.is_none() {
            self.give_up(joined).await;
        }
        polled.ok_or_else(|| unavailable("the group's member has lost every broker"))
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        let joined = self.joined.lock().await.clone();
        let joined = joined.ok_or_else(|| unavailable("there is no member of the group"))?;
        joined.client.context().done(batch.offsets());
        let (client, settings) = (Arc::clone(&joined.client), Arc::clone(&self.settings));
        let offsets = batch.offsets().clone();
        let committed = spawn_blocking(move || commit(&client, &settings.topic, &offsets));
        let committed = timeout(COMMIT_TIMEOUT, committed).await.map_err(unavailable)?;
        committed.map_err(unavailable)?.map_err(failed)
    }
}

/// Commits the partitions that are still this member's: who has got another reads the batch again,
/// and must not have its offset turned back.
fn commit(
    client: &BaseConsumer<Membership>,
    topic: &str,
    offsets: &BTreeMap<i32, i64>,
) -> KafkaResult<()> {
    let assigned = client.assignment()?;
    let mut done = TopicPartitionList::new();
    for (&partition, last) in offsets {
        if assigned.find_partition(topic, partition).is_some() {
            done.add_partition_offset(topic, partition, Offset::Offset(last + 1))?;
        } else {
            tracing::debug!(partition, "not committed: the partition has gone elsewhere");
        }
    }
    if done.count() == 0 {
        return Ok(());
    }
    client.commit(&done, CommitMode::Sync)
}
