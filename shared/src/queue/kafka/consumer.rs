//! The Kafka consumer: returns the group poller's batches and commits them.

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

use super::classify;
use super::group_context::GroupContext;
use super::group_poller::GroupPoller;
use super::reconnecting_client::drop_in_background;
use super::settings::Settings;
use super::topics::Topics;
use crate::error::{Ready, Result};
use crate::queue::{Batch, Consumer, unavailable};

/// The number of batches that are polled ahead.
const BATCHES_AHEAD: usize = 2;

/// How long a commit may take. A failed commit does no harm: the next one covers its batch.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The [`Consumer`] for a Kafka topic.
pub(super) struct KafkaConsumer {
    settings: Arc<Settings>,
    topics: Arc<Topics>,
    /// Set by a poll, and cleared when every broker is lost.
    subscription: Mutex<Option<Arc<Subscription>>>,
}

/// A membership in the consumer group: its client, and the batches that the poller has read.
struct Subscription {
    client: Arc<BaseConsumer<GroupContext>>,
    batches: Mutex<mpsc::Receiver<Batch>>,
}

impl KafkaConsumer {
    pub(super) fn new(settings: &Arc<Settings>, topics: &Arc<Topics>) -> Self {
        let (settings, topics) = (Arc::clone(settings), Arc::clone(topics));
        Self { settings, topics, subscription: Mutex::default() }
    }

    /// Returns the current subscription, or subscribes.
    async fn subscription(&self) -> Result<Arc<Subscription>> {
        let mut current = self.subscription.lock().await;
        if let Some(subscription) = &*current {
            return Ok(Arc::clone(subscription));
        }
        let subscription = Arc::new(self.subscribe().await?);
        *current = Some(Arc::clone(&subscription));
        Ok(subscription)
    }

    async fn subscribe(&self) -> Result<Subscription> {
        self.topics.ensure().await?;
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let poller = GroupPoller::subscribe(&self.settings, Arc::clone(&self.topics), sender);
        let poller = poller.map_err(classify)?;
        let client = poller.client();
        // On shutdown, the runtime waits for blocking tasks, so the poller leaves the group before
        // the process exits.
        spawn_blocking(move || poller.run());
        Ok(Subscription { client, batches: Mutex::new(batches) })
    }

    /// Drops a subscription that has lost every broker. The next poll subscribes again.
    async fn discard(&self, lost: Arc<Subscription>) {
        let mut current = self.subscription.lock().await;
        let current = current.take_if(|subscription| Arc::ptr_eq(subscription, &lost));
        drop_in_background((current, lost));
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
        let subscription = self.subscription().await?;
        let polled = subscription.batches.lock().await.recv().await;
        if polled.is_none() {
            self.discard(subscription).await;
        }
        polled.ok_or_else(|| unavailable("the consumer has lost every broker"))
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        let subscription = self.subscription.lock().await.clone();
        let subscription =
            subscription.ok_or_else(|| unavailable("the consumer is not subscribed"))?;
        subscription.client.context().uncommitted.remove_up_to(batch.offsets());
        let (client, settings) = (Arc::clone(&subscription.client), Arc::clone(&self.settings));
        let offsets = batch.offsets().clone();
        let committed = spawn_blocking(move || commit(&client, &settings.topic, &offsets));
        let committed = timeout(COMMIT_TIMEOUT, committed).await.map_err(unavailable)?;
        committed.map_err(unavailable)?.map_err(classify)
    }
}

/// Commits the offsets of the partitions that are still assigned to this member. The new owner of a
/// revoked partition polls the records again, and a late commit must not overwrite its offset.
fn commit(
    client: &BaseConsumer<GroupContext>,
    topic: &str,
    offsets: &BTreeMap<i32, i64>,
) -> KafkaResult<()> {
    let assigned = client.assignment()?;
    let mut next_offsets = TopicPartitionList::new();
    for (&partition, last) in offsets {
        if assigned.find_partition(topic, partition).is_some() {
            next_offsets.add_partition_offset(topic, partition, Offset::Offset(last + 1))?;
        } else {
            tracing::debug!(partition, "not committed: the partition was revoked");
        }
    }
    if next_offsets.count() == 0 {
        return Ok(());
    }
    client.commit(&next_offsets, CommitMode::Sync)
}
