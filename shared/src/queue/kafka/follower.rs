//! Reads along with the topic of records: all partitions are assigned to one client, which belongs
//! to no group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::broker_health::BrokerHealth;
use super::settings::{MAX_RECORD_BYTES, Settings};
use super::topics::Topics;
use super::{REQUEST_TIMEOUT, classify};
use crate::error::{Ready, Result};
use crate::log_entry::Timestamp;
use crate::queue::{Followed, Follower, Position, Record, Start, unavailable};

/// The maximum number of records that are returned together.
const MAX_RECORDS: usize = 256;

/// The number of sets of records that are read ahead.
const AHEAD: usize = 4;

/// The amount of data fetched ahead, in KiB.
const FETCH_AHEAD_KBYTES: &str = "8192";

/// How long the broker waits for data before it responds to a fetch.
const FETCH_MAX_WAIT_MS: &str = "50";

/// The pause before another attempt while a partition has no known leader.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// How long a poll waits for the first record.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// The [`Follower`] of a Kafka topic.
pub(super) struct KafkaFollower {
    settings: Arc<Settings>,
    topics: Arc<Topics>,
}

impl KafkaFollower {
    pub(super) fn new(settings: &Arc<Settings>, topics: &Arc<Topics>) -> Self {
        Self { settings: Arc::clone(settings), topics: Arc::clone(topics) }
    }
}

#[async_trait]
impl Ready for KafkaFollower {
    async fn ready(&self) -> Result<()> {
        self.topics.ready(&self.settings.topic).await
    }
}

#[async_trait]
impl Follower for KafkaFollower {
    async fn follow(&self, start: Start) -> Result<Followed> {
        self.topics.ensure().await?;
        let settings = Arc::clone(&self.settings);
        let opened = spawn_blocking(move || Reader::open_with_retries(&settings, &start));
        let (reader, starts) = opened.await.map_err(unavailable)?.map_err(classify)?;
        let (sender, records) = mpsc::channel(AHEAD);
        spawn_blocking(move || reader.run(&sender));
        Ok(Followed::new(starts, records))
    }
}

/// A client to which all partitions are assigned.
struct Reader {
    client: BaseConsumer<BrokerHealth>,
}

impl Reader {
    /// Opens a reader. The leaders of a new topic are not known everywhere for a moment. Blocks.
    fn open_with_retries(
        settings: &Settings,
        start: &Start,
    ) -> KafkaResult<(Self, BTreeMap<i32, i64>)> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        loop {
            match Self::open(settings, start) {
                Err(error)
                    if error.rdkafka_error_code()
                        == Some(RDKafkaErrorCode::NotLeaderForPartition)
                        && Instant::now() < deadline =>
                {
                    thread::sleep(RETRY_PAUSE);
                }
                result => return result,
            }
        }
    }

    /// Assigns the partitions, and returns the first offset of each. Blocks.
    fn open(settings: &Settings, start: &Start) -> KafkaResult<(Self, BTreeMap<i32, i64>)> {
        let client: BaseConsumer<BrokerHealth> =
            config(settings).create_with_context(BrokerHealth::default())?;
        let topic = &settings.topic;
        let metadata = client.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
        let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
        let partitions: Vec<i32> = partitions.map(MetadataPartition::id).collect();
        let reader = Self { client };
        let starts = match start {
            Start::Now => reader.starts_at_end(topic, &partitions)?,
            Start::At(time) => reader.starts_at(topic, &partitions, *time)?,
            Start::After(offsets) => reader.starts_after(topic, &partitions, offsets)?,
        };
        let mut assignment = TopicPartitionList::new();
        for (partition, offset) in &starts {
            assignment.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        reader.client.assign(&assignment)?;
        Ok((reader, starts))
    }

    fn starts_at_end(&self, topic: &str, partitions: &[i32]) -> KafkaResult<BTreeMap<i32, i64>> {
        let end = |partition: &i32| {
            let (_, end) = self.client.fetch_watermarks(topic, *partition, REQUEST_TIMEOUT)?;
            Ok((*partition, end))
        };
        partitions.iter().map(end).collect()
    }

    fn starts_at(
        &self,
        topic: &str,
        partitions: &[i32],
        time: Timestamp,
    ) -> KafkaResult<BTreeMap<i32, i64>> {
        let mut times = TopicPartitionList::new();
        for partition in partitions {
            let millis = Offset::Offset(time.as_micros().div_euclid(1000));
            times.add_partition_offset(topic, *partition, millis)?;
        }
        let found = self.client.offsets_for_times(times, REQUEST_TIMEOUT)?;
        // A partition without a later record is read from its end.
        let mut starts = self.starts_at_end(topic, partitions)?;
        for element in found.elements() {
            if let Offset::Offset(offset) = element.offset() {
                starts.insert(element.partition(), offset);
            }
        }
        Ok(starts)
    }

    fn starts_after(
        &self,
        topic: &str,
        partitions: &[i32],
        offsets: &BTreeMap<i32, i64>,
    ) -> KafkaResult<BTreeMap<i32, i64>> {
        let start = |partition: &i32| {
            let (first, end) = self.client.fetch_watermarks(topic, *partition, REQUEST_TIMEOUT)?;
            let after = offsets.get(partition).map_or(first, |offset| offset.saturating_add(1));
            Ok((*partition, after.clamp(first, end)))
        };
        partitions.iter().map(start).collect()
    }

    /// Reads records until the receiver is dropped, or all brokers are lost. Blocks.
    fn run(self, records: &mpsc::Sender<Vec<(Position, Record)>>) {
        while !records.is_closed() && !self.client.context().is_lost() {
            let read = self.read();
            if !read.is_empty() && records.blocking_send(read).is_err() {
                return;
            }
        }
    }

    /// Waits for a record, then adds the others that are already available.
    fn read(&self) -> Vec<(Position, Record)> {
        let mut records = Vec::new();
        let mut poll_timeout = POLL_TIMEOUT;
        while records.len() < MAX_RECORDS {
            match self.client.poll(poll_timeout) {
                Some(Ok(message)) => {
                    self.client.context().record_contact();
                    let position =
                        Position { partition: message.partition(), offset: message.offset() };
                    let bytes = Bytes::copy_from_slice(message.payload().unwrap_or_default());
                    records.push((position, Record::from_bytes(bytes)));
                }
                // librdkafka reconnects when a broker recovers.
                Some(Err(error)) => tracing::debug!(%error, "following Kafka failed"),
                None => break,
            }
            poll_timeout = Duration::ZERO;
        }
        records
    }
}

/// A reader's configuration. librdkafka requires a group id, but the reader never joins the group.
fn config(settings: &Settings) -> ClientConfig {
    let mut config = settings.client();
    config
        .set("group.id", format!("{}.follower", settings.group))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Records that the topic no longer has are skipped.
        .set("auto.offset.reset", "earliest")
        .set("queued.max.messages.kbytes", FETCH_AHEAD_KBYTES)
        .set("fetch.wait.max.ms", FETCH_MAX_WAIT_MS)
        .set("max.partition.fetch.bytes", MAX_RECORD_BYTES.to_string())
        .set("message.max.bytes", MAX_RECORD_BYTES.to_string());
    config
}
