//! Polls Kafka as a member of the consumer group, on a blocking thread. While the consumer is
//! busy, the poller pauses its partitions and keeps polling, so that the member remains in the
//! group however long a batch takes to process.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedMessage, Headers as _};
use tokio::sync::mpsc;

use super::group_context::GroupContext;
use super::lag;
use super::settings::{MAX_RECORD_BYTES, Settings};
use super::topics::Topics;
use crate::log_entry::Timestamp;
use crate::queue::{Batch, Position, metrics};
use crate::trace::{TRACEPARENT, TraceParent};

/// A batch is complete once it reaches this size.
const BATCH_BYTES: usize = 1024 * 1024;

/// The maximum number of records in a batch. Needed because records may be empty.
const MAX_BATCH_RECORDS: usize = 4096;

/// The amount of data fetched ahead, in KiB.
const FETCH_AHEAD_KBYTES: &str = "16384";

/// The maximum size of a fetch response.
const FETCH_MAX_BYTES: &str = "8388608";

/// The broker responds to a fetch once this much data is available or the maximum wait has elapsed.
/// Without a minimum, each new record would cost a separate response.
const FETCH_MIN_BYTES: &str = "65536";
const FETCH_MAX_WAIT_MS: &str = "50";

/// How long a dead member keeps its partitions before they are reassigned.
const SESSION_TIMEOUT_MS: &str = "10000";

/// How long a poll waits for the first record.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// How often the poller checks a full channel for capacity.
const CAPACITY_CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// How long the channel may be full before the partitions are paused.
const PAUSE_AFTER: Duration = Duration::from_secs(3);

/// Polls Kafka and sends batches to a channel, until the receiver is dropped or all brokers are
/// lost.
pub(super) struct GroupPoller {
    topics: Arc<Topics>,
    client: Arc<BaseConsumer<GroupContext>>,
    batches: mpsc::Sender<Batch>,
    last_measured: Instant,
}

impl GroupPoller {
    /// Subscribes to the topic. The client joins the group once it is polled.
    pub(super) fn subscribe(
        settings: &Settings,
        topics: Arc<Topics>,
        batches: mpsc::Sender<Batch>,
    ) -> KafkaResult<Self> {
        let client: BaseConsumer<_> =
            client_config(settings).create_with_context(GroupContext::default())?;
        client.subscribe(&[&settings.topic])?;
        Ok(Self { topics, client: Arc::new(client), batches, last_measured: Instant::now() })
    }

    pub(super) fn client(&self) -> Arc<BaseConsumer<GroupContext>> {
        Arc::clone(&self.client)
    }

    /// Polls until the receiver is dropped, then leaves the group. Also returns if all brokers are
    /// lost, because only a new client can reconnect. Blocks.
    pub(super) fn run(mut self) {
        let mut polled = Batch::default();
        let mut full_since = None;
        let mut is_paused = false;
        while !self.batches.is_closed() {
            self.report_backlog();
            if let Ok(permit) = self.batches.try_reserve() {
                // Check only here, because a busy consumer has no use for a new client.
                if self.client.context().health.is_lost() {
                    return;
                }
                full_since = None;
                if is_paused {
                    is_paused = false;
                    self.resume();
                }
                self.poll_into(&mut polled);
                if !polled.is_empty() {
                    permit.send(std::mem::take(&mut polled));
                }
            } else if full_since.get_or_insert_with(Instant::now).elapsed() < PAUSE_AFTER {
                thread::sleep(CAPACITY_CHECK_INTERVAL);
            } else {
                // Pause on every iteration, because newly assigned partitions are not paused.
                is_paused = true;
                self.pause();
                self.poll_into(&mut polled);
            }
        }
    }

    /// Waits for a record, then adds the others that are already available. Polling also keeps the
    /// member in the group.
    fn poll_into(&self, polled: &mut Batch) {
        let now = Timestamp::now();
        let mut poll_timeout = POLL_TIMEOUT;
        for _ in 0..MAX_BATCH_RECORDS {
            match self.client.poll(poll_timeout) {
                Some(Ok(record)) => self.push(&record, polled, now),
                // librdkafka reconnects when a broker recovers.
                Some(Err(error)) => tracing::warn!(%error, "polling Kafka failed"),
                None => return,
            }
            if polled.bytes() >= BATCH_BYTES {
                return;
            }
            poll_timeout = Duration::ZERO;
        }
    }

    fn push(&self, record: &BorrowedMessage<'_>, polled: &mut Batch, now: Timestamp) {
        let position = Position { partition: record.partition(), offset: record.offset() };
        polled.push_record(position, record.payload().unwrap_or_default(), traces(record), now);
        let context = self.client.context();
        context.health.record_contact();
        if let Some(published_millis) = record.timestamp().to_millis() {
            context.uncommitted.insert(position, published_millis);
        }
    }

    fn pause(&self) {
        let paused = self.client.assignment().and_then(|all| self.client.pause(&all));
        paused.unwrap_or_else(|error| tracing::warn!(%error, "pausing partitions failed"));
    }

    fn resume(&self) {
        let resumed = self.client.assignment().and_then(|all| self.client.resume(&all));
        resumed.unwrap_or_else(|error| tracing::warn!(%error, "resuming partitions failed"));
    }

    /// Reports the backlog of the assigned partitions, at most once per interval.
    fn report_backlog(&mut self) {
        if self.last_measured.elapsed() < metrics::INTERVAL {
            return;
        }
        self.client.context().uncommitted.report_oldest_age();
        if let Err(error) = lag::report(&self.client, &self.topics) {
            tracing::debug!(%error, "measuring the lag failed");
        }
        self.last_measured = Instant::now();
    }
}

fn client_config(settings: &Settings) -> ClientConfig {
    let mut config = settings.client();
    config
        .set("group.id", &settings.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // When a member joins or leaves, only reassigned partitions stop being consumed.
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", SESSION_TIMEOUT_MS)
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("queued.max.messages.kbytes", FETCH_AHEAD_KBYTES)
        .set("fetch.queue.backoff.ms", "50")
        .set("fetch.min.bytes", FETCH_MIN_BYTES)
        .set("fetch.wait.max.ms", FETCH_MAX_WAIT_MS)
        .set("fetch.max.bytes", FETCH_MAX_BYTES)
        .set("max.partition.fetch.bytes", MAX_RECORD_BYTES.to_string())
        .set("message.max.bytes", MAX_RECORD_BYTES.to_string());
    config
}

/// The trace contexts of a record, one for each request that it carries.
fn traces<'a>(record: &'a BorrowedMessage<'_>) -> impl Iterator<Item = TraceParent> + 'a {
    let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
    let values =
        headers.filter(|header| header.key == TRACEPARENT).filter_map(|header| header.value);
    values.filter_map(|value| str::from_utf8(value).ok()?.parse().ok())
}
