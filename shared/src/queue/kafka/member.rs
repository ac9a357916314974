//! The member of the consumer group: it polls all the time on a thread of its own, so that it stays
//! in the group however long nobody takes what it has; it pauses its partitions then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use metrics::gauge;
use rdkafka::ClientContext;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::topic_partition_list::Offset;
use tokio::sync::mpsc;

use super::reconnecting_client::BrokerHealth;
use super::settings::{MAX_RECORD_BYTES, Settings};
use super::topics::Topics;
use crate::log_entry::Timestamp;
use crate::queue::{Batch, Position};
use crate::trace::{TRACEPARENT, TraceParent};

/// A batch has about this much, and at least one record.
const BATCH_BYTES: usize = 1024 * 1024;

/// The most records of a batch: they may be empty.
const BATCH_RECORDS: usize = 4096;

/// How much is fetched ahead, in KiB, and at most by a request, in bytes.
const FETCH_AHEAD_KBYTES: &str = "16384";
const FETCH_BYTES: &str = "8388608";

/// A fetch is answered when this much is there, or after so long: else each record that comes
/// would be an answer of its own, and the broker busy with those.
const FETCH_MIN_BYTES: &str = "65536";
const FETCH_WAIT_MS: &str = "50";

/// How long the member waits for records at a time; then it looks whether it is still wanted.
const WAIT: Duration = Duration::from_millis(100);

/// How often the member looks whether a batch was taken.
const RECHECK: Duration = Duration::from_millis(10);

/// If nobody has taken a batch for this long, the partitions are paused.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often the lag is measured, and how long an answer may take.
const MEASURE: Duration = Duration::from_secs(5);
const MEASURE_ANSWER: Duration = Duration::from_millis(500);

/// Polls Kafka into a channel of batches, until nobody listens or every broker is lost.
pub(super) struct Member {
    topics: Arc<Topics>,
    client: Arc<BaseConsumer<Membership>>,
    batches: mpsc::Sender<Batch>,
    measured: Instant,
}

impl Member {
    /// Says that it wants to be a member of the group; it becomes one by polling.
    pub(super) fn join(
        settings: &Settings,
        topics: Arc<Topics>,
        batches: mpsc::Sender<Batch>,
    ) -> KafkaResult<Self> {
        let mut config = settings.client();
        config
            .set("group.id", &settings.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // A member that joins or leaves takes over partitions; the others go on meanwhile.
            .set("partition.assignment.strategy", "cooperative-sticky")
            // So long do the partitions of a member that was killed wait for another.
            .set("session.timeout.ms", "10000")
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("queued.max.messages.kbytes", FETCH_AHEAD_KBYTES)
            .set("fetch.queue.backoff.ms", "50")
            .set("fetch.min.bytes", FETCH_MIN_BYTES)
            .set("fetch.wait.max.ms", FETCH_WAIT_MS)
            .set("fetch.max.bytes", FETCH_BYTES)
            .set("max.partition.fetch.bytes", MAX_RECORD_BYTES.to_string())
            .set("message.max.bytes", MAX_RECORD_BYTES.to_string());
        let membership = Membership { waiting: Mutex::default(), health: BrokerHealth::default() };
        let client: BaseConsumer<_> = config.create_with_context(membership)?;
        client.subscribe(&[&settings.topic])?;
        Ok(Self { topics, client: Arc::new(client), batches, measured: Instant::now() })
    }

    pub(super) fn client(&self) -> Arc<BaseConsumer<Membership>> {
        Arc::clone(&self.client)
    }

    /// Polls until nobody listens, then leaves the group. If it has lost every broker, it ends, too:
    /// another one has to take its place. Blocks.
    pub(super) fn poll(mut self) {
        let mut polled = Batch::default();
        let mut full_since = None;
        let mut paused = false;
        while !self.batches.is_closed() {
            self.measure();
            if let Ok(room) = self.batches.try_reserve() {
                // Only now: who has no room does not ask for another member either.
                if self.client.context().health.is_lost() {
                    return;
                }
                full_since = None;
                if paused {
                    paused = false;
                    self.resume();
                }
                self.gather(&mut polled);
                if !polled.is_empty() {
                    room.send(std::mem::take(&mut polled));
                }
            } else if full_since.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
                thread::sleep(RECHECK);
            } else {
                // Again and again: partitions that are newly assigned are not paused.
                paused = true;
                self.pause();
                self.gather(&mut polled);
            }
        }
    }

    /// Waits for records, then adds what is there without waiting. Answers to the group meanwhile.
    fn gather(&self, polled: &mut Batch) {
        let now = Timestamp::now();
        let mut wait = WAIT;
        for _ in 0..BATCH_RECORDS {
            match self.client.poll(wait) {
                Some(Ok(record)) => self.add(&record, polled, now),
                // It goes on by itself when the brokers are back.
                Some(Err(error)) => tracing::warn!(%error, "polling Kafka"),
                None => return,
            }
            if polled.bytes() >= BATCH_BYTES {
                return;
            }
            wait = Duration::ZERO;
        }
    }

    fn add(&self, record: &BorrowedMessage<'_>, polled: &mut Batch, now: Timestamp) {
        let source = Position { partition: record.partition(), offset: record.offset() };
        polled.push_record(source, record.payload().unwrap_or_default(), trace_of(record), now);
        self.client.context().health.found();
        self.client.context().polled(source, record.timestamp().to_millis());
    }

    fn pause(&self) {
        let paused = self.client.assignment().and_then(|all| self.client.pause(&all));
        paused.unwrap_or_else(|error| tracing::warn!(%error, "pausing"));
    }

    fn resume(&self) {
        let resumed = self.client.assignment().and_then(|all| self.client.resume(&all));
        resumed.unwrap_or_else(|error| tracing::warn!(%error, "resuming"));
    }

    /// Tells now and then how far the group is behind in this member's partitions.
    fn measure(&mut self) {
        if self.measured.elapsed() < MEASURE {
            return;
        }
        self.client.context().tell_age();
        if let Err(error) = self.tell_lag() {
            tracing::debug!(%error, "measuring the lag");
        }
        self.measured = Instant::now();
    }

    fn tell_lag(&self) -> KafkaResult<()> {
        let assigned = self.client.assignment()?;
        for committed in self.client.committed_offsets(assigned, MEASURE_ANSWER)?.elements() {
            let partition = committed.partition();
            let (low, high) = self.topics.bounds(partition)?;
            let next = match committed.offset() {
                Offset::Offset(next) => next.max(low),
                _ => low,
            };
            lag(partition, high - next);
        }
        Ok(())
    }
}

fn trace_of(record: &BorrowedMessage<'_>) -> Option<TraceParent> {
    let mut headers = record.headers()?.iter();
    let header = headers.find(|header| header.key == TRACEPARENT)?;
    str::from_utf8(header.value?).ok()?.parse().ok()
}

fn lag(partition: i32, records: i64) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float, and 2^53 records are many"
    )]
    gauge!("queue_lag", "partition" => partition.to_string()).set(records as f64);
}

/// What happens to the member, as librdkafka tells it.
pub(super) struct Membership {
    /// What was polled and is not yet done: partition and offset, and when it was published, in
    /// milliseconds.
    waiting: Mutex<BTreeMap<(i32, i64), i64>>,
    health: BrokerHealth,
}

impl Membership {
    fn polled(&self, source: Position, published_millis: Option<i64>) {
        let Some(millis) = published_millis else { return };
        self.waiting().insert((source.partition, source.offset), millis);
    }

    /// Everything up to and with these offsets is done.
    pub(super) fn done(&self, offsets: &BTreeMap<i32, i64>) {
        self.waiting().retain(|(partition, offset), _| {
            offsets.get(partition).is_none_or(|last| offset > last)
        });
    }

    fn tell_age(&self) {
        let oldest_millis = self.waiting().values().min().copied();
        let now_millis = Timestamp::now().as_micros() / 1000;
        let age = oldest_millis.map_or(0, |oldest| u64::try_from(now_millis - oldest).unwrap_or(0));
        gauge!("queue_oldest_age_seconds").set(Duration::from_millis(age).as_secs_f64());
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<(i32, i64), i64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Membership {
    fn error(&self, error: KafkaError, reason: &str) {
        self.health.error(error, reason);
    }
}

impl ConsumerContext for Membership {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => tracing::info!(?partitions, "took over partitions"),
            Rebalance::Revoke(partitions) => {
                tracing::info!(?partitions, "handed over partitions");
                for gone in partitions.elements() {
                    self.waiting().retain(|(partition, _), _| *partition != gone.partition());
                    // Another member tells it from now on.
                    lag(gone.partition(), 0);
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "sharing out partitions"),
        }
    }
}
