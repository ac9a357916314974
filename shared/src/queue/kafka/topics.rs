//! The topics for records and dead letters. The first client that needs them creates them. It is
//! not an error if a topic already exists.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::broker_health::BrokerHealth;
use super::reconnecting_client::ReconnectingClient;
use super::settings::{MAX_DEAD_LETTER_BYTES, MAX_RECORD_BYTES, Settings};
use super::{REQUEST_TIMEOUT, check_leader, classify};
use crate::error::Result;
use crate::queue::unavailable;

/// The only partition for dead letters. A single partition keeps them in order.
pub(super) const DEAD_LETTERS_PARTITION: i32 = 0;

/// How long a request for watermarks may take. It blocks the consumer's poll loop.
const WATERMARKS_TIMEOUT: Duration = Duration::from_millis(500);

/// The topics, and the admin client that manages them.
pub(super) struct Topics {
    settings: Arc<Settings>,
    admin: ReconnectingClient<AdminClient<BrokerHealth>>,
    created: OnceCell<()>,
}

impl Topics {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        let config = settings.client();
        let admin = ReconnectingClient::new(move |health| config.create_with_context(health));
        Self { settings, admin, created: OnceCell::new() }
    }

    #[cfg(test)]
    pub(super) fn already_created(settings: Arc<Settings>) -> Self {
        Self { created: OnceCell::new_with(Some(())), ..Self::new(settings) }
    }

    /// Creates the topics that do not exist. After the first success, this is a no-op.
    pub(super) async fn ensure(&self) -> Result<()> {
        self.created.get_or_try_init(|| self.create()).await.copied()
    }

    async fn create(&self) -> Result<()> {
        let settings = &self.settings;
        let retention_ms = (u64::from(settings.retention_hours) * 3_600_000).to_string();
        let max_record_bytes = MAX_RECORD_BYTES.to_string();
        let max_dead_letter_bytes = MAX_DEAD_LETTER_BYTES.to_string();
        let replication = || TopicReplication::Fixed(settings.replication.into());
        // With two or more replicas, writes succeed with one broker down. With three or more, at
        // least two replicas hold each acknowledged record.
        let min_in_sync = (settings.replication - 1).max(1).to_string();
        let records = NewTopic::new(&settings.topic, settings.partitions.into(), replication())
            .set("retention.ms", &retention_ms)
            .set("max.message.bytes", &max_record_bytes)
            .set("min.insync.replicas", &min_in_sync);
        // Dead letters are kept until an operator purges them.
        let dead_letters = NewTopic::new(&settings.dead_letters, 1, replication())
            .set("retention.ms", "-1")
            .set("retention.bytes", "-1")
            .set("max.message.bytes", &max_dead_letter_bytes)
            .set("min.insync.replicas", &min_in_sync);
        let admin = self.admin.client().map_err(classify)?;
        let created = admin.create_topics([&records, &dead_letters], &options()).await;
        for topic in created.map_err(classify)? {
            match topic {
                Ok(topic) => tracing::info!(topic, "created a topic"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(unavailable(format!("creating topic {topic}: {code}")));
                }
            }
        }
        Ok(())
    }

    /// Checks that the topic exists and can be written to.
    pub(super) async fn ready(&self, topic: &str) -> Result<()> {
        let check = async {
            self.ensure().await?;
            let admin = self.admin.client().map_err(classify)?;
            let fetch =
                move |topic: &str| admin.inner().fetch_metadata(Some(topic), REQUEST_TIMEOUT);
            check_leader(topic, fetch).await
        };
        timeout(REQUEST_TIMEOUT, check).await.map_err(unavailable)?
    }

    /// Returns the first offset of a record partition, and the offset after its last. Blocks.
    ///
    /// This uses the admin client, because on the consumer's connection the request would wait for
    /// a pending fetch.
    pub(super) fn watermarks(&self, partition: i32) -> KafkaResult<(i64, i64)> {
        let admin = self.admin.client()?;
        admin.inner().fetch_watermarks(&self.settings.topic, partition, WATERMARKS_TIMEOUT)
    }

    /// Deletes the dead letters with sequence numbers up to and including `up_to`.
    pub(super) async fn purge_dead_letters(&self, up_to: i64) -> Result<()> {
        self.ensure().await?;
        // A sequence number is the offset plus one, so `up_to` is the first offset to keep.
        let first_kept = Offset::Offset(up_to);
        let mut before = TopicPartitionList::new();
        before
            .add_partition_offset(&self.settings.dead_letters, DEAD_LETTERS_PARTITION, first_kept)
            .map_err(classify)?;
        let admin = self.admin.client().map_err(classify)?;
        let deleted = admin.delete_records(&before, &options()).await;
        for partition in deleted.map_err(classify)?.elements() {
            partition.error().map_err(classify)?;
        }
        Ok(())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        .operation_timeout(Some(REQUEST_TIMEOUT))
}
