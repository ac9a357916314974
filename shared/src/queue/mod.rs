//! The queue: takes bursts at once, keeps them safe, and hands them on at the consumer's pace.
//! Adapters: Kafka (cluster), SQLite (embedded).

mod batch;
#[cfg(feature = "kafka")]
mod kafka;
mod record;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

pub use batch::{Batch, Position};
pub use record::{Record, RecordPacker};

use crate::config::unknown_scheme;
use crate::error::{Ready, Result};
use crate::log_entry::Timestamp;

/// The writing end of the queue.
///
/// # Contract
/// * When `publish` returns, every record survives the crash of any process and a power cut.
/// * When it fails, each record may be on the queue or not; publishing it again is safe because
///   everything behind the queue is idempotent by the entries' ids.
/// * Records have no order among each other.
#[async_trait]
pub trait Producer: Ready {
    /// Puts the records on the queue.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the queue is full or does not answer
    /// within two seconds.
    async fn publish(&self, records: Vec<Record>) -> Result<()>;
}

/// The reading end of the queue: one member of the group that stores and indexes.
///
/// # Contract
/// * At least once: what was not committed is polled again, by whoever starts next.
/// * `poll` may be cancelled at any point; nothing is lost.
/// * Only what was polled can be committed, and only once: `commit` takes the batch.
#[async_trait]
pub trait Consumer: Ready {
    /// Waits for records; answers at least one, and little at a time: several polls make a batch.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the queue does not answer.
    async fn poll(&self) -> Result<Batch>;

    /// Says that everything in the batch is done: it will not be polled again.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the queue does not answer: the batch
    /// may be polled again.
    async fn commit(&self, batch: Batch) -> Result<()>;
}

/// What could not be stored, kept with its reason for a person to look at.
///
/// # Contract
/// * When `write` returns, the dead letters are as safe as published records.
/// * `list` answers them in the order in which they were written.
#[async_trait]
pub trait DeadLetters: Ready {
    /// Keeps the dead letters.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the queue does not answer.
    async fn write(&self, dead_letters: &[DeadLetter]) -> Result<()>;

    /// At most `limit` dead letters behind the place `after` (0: from the first), each with its place.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the queue does not answer.
    async fn list(&self, after: i64, limit: usize) -> Result<Vec<(i64, DeadLetter)>>;

    /// Deletes every dead letter up to and with this place.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the queue does not answer.
    async fn purge(&self, up_to: i64) -> Result<()>;
}

/// A line that could not be stored, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The line as it was on the queue; the whole record only if it cannot be split.
    pub line: Vec<u8>,
    /// Why it could not be stored.
    pub reason: String,
    /// Where it was on the queue.
    pub source: Position,
    /// When it was given up.
    pub time: Timestamp,
}

/// Both ends of a queue, and its dead letters.
#[derive(Clone)]
pub struct Queue {
    /// The writing end.
    pub producer: Arc<dyn Producer>,
    /// The reading end. It joins its group with the first `poll`.
    pub consumer: Arc<dyn Consumer>,
    /// What could not be stored.
    pub dead_letters: Arc<dyn DeadLetters>,
}

/// The variable that holds the queue's URL.
const VARIABLE: &str = "QUEUE_URL";

const SCHEMES: &[&str] = &[
    #[cfg(feature = "kafka")]
    "kafka",
    #[cfg(feature = "sqlite")]
    "sqlite",
];

/// Opens the queue that the URL names.
///
/// * `kafka://host:port/topic?partitions=3&replication=1&retention_hours=168&group=logpulse`: a topic
///   of Kafka, and `<topic>.dead_letters`; several brokers with one port are `host,host:port`.
///   Whoever comes first makes the topics, with what the query says (here its defaults); `group` is
///   the consumers'. Starts without a broker.
/// * `sqlite:///path/to/file?max_bytes=…`: a file of this machine; `max_bytes` (default 10 GiB)
///   bounds what waits in it.
///
/// # Errors
/// When the scheme is unknown, or the queue cannot be opened or created.
pub async fn open(url: &Url) -> anyhow::Result<Queue> {
    match url.scheme() {
        #[cfg(feature = "kafka")]
        "kafka" => Ok(kafka::open(url)?),
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite::open(url).await,
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}
