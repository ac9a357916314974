//! Follows the topic of records: all partitions are assigned to one client, which belongs
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
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
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

/// The size at which records are returned.
const MAX_BYTES: usize = 1024 * 1024;

/// The number of sets of records that are read ahead.
const AHEAD: usize = 2;

/// The amount of data fetched ahead, in KiB.
const FETCH_AHEAD_KBYTES: &str = "8192";

/// How long the broker waits for data before it responds to a fetch.
const FETCH_MAX_WAIT_MS: &str = "50";

/// The pause before another attempt while a partition has no known leader.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// How long a poll waits for the first record.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// How often a reader checks whether the topic has more partitions.
const PARTITIONS_INTERVAL: Duration = Duration::from_secs(30);

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
        let reader = opened.await.map_err(unavailable)?.map_err(classify)?;
        let (starts, ends) = (reader.starts.clone(), reader.ends.clone());
        let (sender, records) = mpsc::channel(AHEAD);
        // A thread of its own, because it lasts as long as a client listens.
        let thread = thread::Builder::new().name("follower".to_owned());
        thread.spawn(move || reader.run(&sender)).map_err(unavailable)?;
        Ok(Followed::new(starts, ends, records))
    }
}

/// A client to which all partitions are assigned.
struct Reader {
    client: BaseConsumer<BrokerHealth>,
    topic: String,
    /// The offset of the first record to read from each partition.
    starts: BTreeMap<i32, i64>,
    /// The offset of the next record to be published to each partition, when the reader was opened.
    ends: BTreeMap<i32, i64>,
    /// The least offset of the next record from each partition.
    next: BTreeMap<i32, i64>,
}

impl Reader {
    /// Opens a reader. A new topic and its leaders are not known everywhere for a moment. Blocks.
    fn open_with_retries(settings: &Settings, start: &Start) -> KafkaResult<Self> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        loop {
            match Self::open(settings, start) {
                Err(error) if is_brief(&error) && Instant::now() < deadline => {
                    thread::sleep(RETRY_PAUSE);
                }
                result => return result,
            }
        }
    }

    /// Assigns the partitions. Blocks.
    fn open(settings: &Settings, start: &Start) -> KafkaResult<Self> {
        let client: BaseConsumer<BrokerHealth> =
            config(settings).create_with_context(BrokerHealth::default())?;
        let topic = settings.topic.clone();
        let (mut starts, mut ends) = (BTreeMap::new(), BTreeMap::new());
        for partition in partitions(&client, &topic)? {
            let (first, end) = client.fetch_watermarks(&topic, partition, REQUEST_TIMEOUT)?;
            ends.insert(partition, end);
            starts.insert(
                partition,
                match start {
                    // Without a later record, a partition is read from its end.
                    Start::Now | Start::At(_) => end,
                    Start::After(offsets) => {
                        let after = offsets.get(&partition).map(|offset| offset.saturating_add(1));
                        after.map_or(first, |after| after.clamp(first, end))
                    }
                },
            );
        }
        if let Start::At(time) = start {
            starts.extend(first_since(&client, &topic, &ends, *time)?);
        }
        let mut assignment = TopicPartitionList::new();
        for (partition, offset) in &starts {
            assignment.add_partition_offset(&topic, *partition, Offset::Offset(*offset))?;
        }
        client.assign(&assignment)?;
        let next = starts.clone();
        Ok(Self { client, topic, starts, ends, next })
    }

    /// Reads records until the receiver is dropped, all brokers are lost, or the topic has other
    /// partitions or was created anew. Blocks.
    fn run(mut self, records: &mpsc::Sender<Vec<(Position, Record)>>) {
        let mut next_check = Instant::now() + PARTITIONS_INTERVAL;
        while !records.is_closed() && !self.client.context().is_lost() {
            if Instant::now() > next_check {
                if self.has_other_partitions() {
                    return;
                }
                next_check = Instant::now() + PARTITIONS_INTERVAL;
            }
            let Some(read) = self.read() else { return };
            if !read.is_empty() && records.blocking_send(read).is_err() {
                return;
            }
        }
    }

    fn has_other_partitions(&self) -> bool {
        let found = partitions(&self.client, &self.topic);
        found.is_ok_and(|found| !found.iter().eq(self.starts.keys()))
    }

    /// Waits for a record, then adds the others that are already available. Returns `None` if offsets
    /// are lower than before: the topic is another one.
    fn read(&mut self) -> Option<Vec<(Position, Record)>> {
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut poll_timeout = POLL_TIMEOUT;
        while records.len() < MAX_RECORDS && bytes < MAX_BYTES {
            match self.client.poll(poll_timeout) {
                Some(Ok(message)) => {
                    self.client.context().record_contact();
                    let position =
                        Position { partition: message.partition(), offset: message.offset() };
                    let next = self.next.entry(position.partition).or_insert(0);
                    if position.offset < *next {
                        return None;
                    }
                    *next = position.offset + 1;
                    let record = Bytes::copy_from_slice(message.payload().unwrap_or_default());
                    bytes += record.len();
                    records.push((position, Record::from_bytes(record)));
                }
                // librdkafka reconnects when a broker recovers.
                Some(Err(error)) => tracing::debug!(%error, "following Kafka failed"),
                None => break,
            }
            poll_timeout = Duration::ZERO;
        }
        Some(records)
    }
}

/// The topic's partitions, in order.
fn partitions(client: &BaseConsumer<BrokerHealth>, topic: &str) -> KafkaResult<Vec<i32>> {
    let metadata = client.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
    let topics = metadata.topics();
    if let Some(error) = topics.iter().find_map(MetadataTopic::error) {
        return Err(KafkaError::MetadataFetch(error.into()));
    }
    let partitions = topics.iter().flat_map(MetadataTopic::partitions);
    let mut partitions: Vec<i32> = partitions.map(MetadataPartition::id).collect();
    partitions.sort_unstable();
    if partitions.is_empty() {
        return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition));
    }
    Ok(partitions)
}

/// The offset of the first record since a time in each partition that has one.
fn first_since(
    client: &BaseConsumer<BrokerHealth>,
    topic: &str,
    ends: &BTreeMap<i32, i64>,
    time: Timestamp,
) -> KafkaResult<BTreeMap<i32, i64>> {
    let mut times = TopicPartitionList::new();
    for partition in ends.keys() {
        let millis = Offset::Offset(time.as_micros().div_euclid(1000));
        times.add_partition_offset(topic, *partition, millis)?;
    }
    let mut first = BTreeMap::new();
    for element in client.offsets_for_times(times, REQUEST_TIMEOUT)?.elements() {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            first.insert(element.partition(), offset);
        }
    }
    Ok(first)
}

/// Whether an error lasts only until all brokers know the topic.
fn is_brief(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
        )
    )
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
