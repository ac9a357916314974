//! The two topics: made by whoever needs them first, and asked whether they are there.
//! That somebody else has made one meanwhile is as good.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::reconnecting_client::{BrokerHealth, ReconnectingClient};
use super::settings::{MAX_DEAD_LETTER_BYTES, MAX_RECORD_BYTES, Settings};
use super::{ANSWER, led, unavailable};
use crate::error::Result;

/// The one partition of the dead letters: their order is that of their offsets.
pub(super) const DEAD_LETTERS_PARTITION: i32 = 0;

/// Bounds are asked for on the way: they must not hold up who asks.
const BOUNDS_ANSWER: Duration = Duration::from_millis(500);

/// What is done with topics as a whole.
pub(super) struct Topics {
    settings: Arc<Settings>,
    admin: ReconnectingClient<AdminClient<BrokerHealth>>,
    made: OnceCell<()>,
}

impl Topics {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        let config = settings.client();
        let admin = ReconnectingClient::new(move |health| config.create_with_context(health));
        Self { settings, admin, made: OnceCell::new() }
    }

    #[cfg(test)]
    pub(super) fn already_made(settings: Arc<Settings>) -> Self {
        Self { made: OnceCell::new_with(Some(())), ..Self::new(settings) }
    }

    /// Answers when both topics are there. Asks the brokers until they have once said so.
    pub(super) async fn ensure(&self) -> Result<()> {
        self.made.get_or_try_init(|| self.make()).await.copied()
    }

    async fn make(&self) -> Result<()> {
        let settings = &self.settings;
        let retention = (u64::from(settings.retention_hours) * 3_600_000).to_string();
        let (max_record, max_dead_letter) =
            (MAX_RECORD_BYTES.to_string(), MAX_DEAD_LETTER_BYTES.to_string());
        let replication = i32::from(settings.replication);
        // One broker may be away without hindering who writes; what is written is on the others.
        let in_sync = (settings.replication - 1).max(1).to_string();
        let records = NewTopic::new(
            &settings.topic,
            settings.partitions.into(),
            TopicReplication::Fixed(replication),
        )
        .set("retention.ms", &retention)
        .set("max.message.bytes", &max_record)
        .set("min.insync.replicas", &in_sync);
        // They wait for a person, however long that takes.
        let dead_letters =
            NewTopic::new(&settings.dead_letters, 1, TopicReplication::Fixed(replication))
                .set("retention.ms", "-1")
                .set("retention.bytes", "-1")
                .set("max.message.bytes", &max_dead_letter)
                .set("min.insync.replicas", &in_sync);
        let admin = self.admin.client().map_err(unavailable)?;
        let made = admin.create_topics([&records, &dead_letters], &options());
        for topic in made.await.map_err(unavailable)? {
            match topic {
                Ok(topic) => tracing::info!(topic, "made a topic"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(unavailable(format!("making the topic {topic}: {code}")));
                }
            }
        }
        Ok(())
    }

    /// Answers when a broker says that the topic is there and can be written to.
    pub(super) async fn ready(&self, topic: &str) -> Result<()> {
        let asked = async {
            self.ensure().await?;
            let admin = self.admin.client().map_err(unavailable)?;
            led(topic, move |topic| admin.inner().fetch_metadata(Some(topic), ANSWER)).await
        };
        timeout(ANSWER, asked).await.map_err(unavailable)?
    }

    /// The first offset that a partition of the records holds, and the one after its last. Blocks.
    /// The consumer's own connection would hold the question back until a fetch is answered.
    pub(super) fn bounds(&self, partition: i32) -> KafkaResult<(i64, i64)> {
        self.admin.client()?.inner().fetch_watermarks(
            &self.settings.topic,
            partition,
            BOUNDS_ANSWER,
        )
    }

    /// Deletes the dead letters up to and with this place.
    pub(super) async fn purge_dead_letters(&self, place: i64) -> Result<()> {
        self.ensure().await?;
        let mut first_kept = TopicPartitionList::new();
        first_kept
            .add_partition_offset(
                &self.settings.dead_letters,
                DEAD_LETTERS_PARTITION,
                Offset::Offset(place),
            )
            .map_err(unavailable)?;
        let admin = self.admin.client().map_err(unavailable)?;
        let deleted = admin.delete_records(&first_kept, &options()).await;
        for partition in deleted.map_err(unavailable)?.elements() {
            partition.error().map_err(unavailable)?;
        }
        Ok(())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER))
}
