//! The queue durably buffers bursts of log entries, so that the consumer can process them at its
//! own pace.
//! Adapters: Kafka (cluster), SQLite (embedded).

mod batch;
mod follow;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(any(feature = "kafka", feature = "sqlite"))]
mod metrics;
mod record;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

pub use batch::{Batch, Position};
pub use follow::{Followed, Follower, Start};
pub use record::{Record, RecordPacker};

use crate::config::url_options::unknown_scheme;
#[cfg(any(feature = "kafka", feature = "sqlite"))]
use crate::error::{Error, Source};
use crate::error::{Ready, Result};
use crate::log_entry::Timestamp;

/// The writing end of the queue.
///
/// # Contract
/// * When `publish` returns `Ok`, every record survives a crash of any process and a power failure.
/// * When `publish` fails, each record may or may not be on the queue. Publishing again is safe,
///   because everything behind the queue is idempotent by entry id.
/// * The order of records is not guaranteed.
#[async_trait]
pub trait Producer: Ready {
    /// Appends the records to the queue.
    ///
    /// # Errors
    /// When the queue is full or does not respond within two seconds ([`Error::Unavailable`]), or
    /// a record is too large for it ([`Error::Rejected`]).
    async fn publish(&self, records: Vec<Record>) -> Result<()>;
}

/// The reading end of the queue: a member of the consumer group that stores and indexes entries.
///
/// # Contract
/// * At-least-once: records that were not committed are polled again, by this member or another.
/// * `poll` is cancel-safe: cancelling it loses no records.
/// * Only polled records can be committed, and only once: `commit` consumes the batch.
#[async_trait]
pub trait Consumer: Ready {
    /// Waits for records and returns at least one. A poll returns up to about 1 MiB, so filling a
    /// large batch takes several polls.
    ///
    /// # Errors
    /// When the queue does not respond ([`Error::Unavailable`]).
    async fn poll(&self) -> Result<Batch>;

    /// Marks every record of the batch as processed, so that it is not polled again.
    ///
    /// # Errors
    /// When the queue does not respond ([`Error::Unavailable`]). The batch may then be polled
    /// again.
    async fn commit(&self, batch: Batch) -> Result<()>;
}

/// Lines that could not be stored, kept with the reason for an operator to inspect.
///
/// # Contract
/// * When `write` returns `Ok`, the dead letters are as durable as published records.
/// * Dead letters are numbered and listed in the order they were written.
#[async_trait]
pub trait DeadLetters: Ready {
    /// Appends the dead letters.
    ///
    /// # Errors
    /// When the queue does not respond ([`Error::Unavailable`]).
    async fn write(&self, dead_letters: &[DeadLetter]) -> Result<()>;

    /// Returns up to `limit` dead letters with sequence numbers above `after`, each with its
    /// sequence number. An `after` of 0 starts at the first dead letter.
    ///
    /// # Errors
    /// When the queue does not respond ([`Error::Unavailable`]).
    async fn list(&self, after: i64, limit: usize) -> Result<Vec<(i64, DeadLetter)>>;

    /// Deletes every dead letter with a sequence number of at most `up_to`.
    ///
    /// # Errors
    /// When the queue does not respond ([`Error::Unavailable`]).
    async fn purge(&self, up_to: i64) -> Result<()>;
}

/// A line that could not be stored, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The line as it was on the queue.
    pub line: Vec<u8>,
    /// Why it could not be stored.
    pub reason: String,
    /// The position of its record on the queue.
    pub source: Position,
    /// When it became a dead letter.
    pub time: Timestamp,
}

/// Both ends of a queue, and its dead letters.
#[derive(Clone)]
pub struct Queue {
    /// The writing end.
    pub producer: Arc<dyn Producer>,
    /// The reading end. It joins the consumer group on the first `poll`.
    pub consumer: Arc<dyn Consumer>,
    /// Follows the queue, without the group.
    pub follower: Arc<dyn Follower>,
    /// The dead letters.
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

/// Opens the queue at `url`.
///
/// * `kafka://host:port/topic?partitions=3&replication=1&retention_hours=168&group=logpulse`: a Kafka
///   topic, and `<topic>.dead_letters`. Several brokers use one port: `host,host:port`. The first
///   client to connect creates the topics with these options (defaults shown); `group` is the
///   consumer group. Opening succeeds even if no broker is up.
/// * `sqlite:///path/to/file?max_bytes=…`: a local file. `max_bytes` (default 10 GiB) limits the
///   total size of its records.
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

/// Empties the write-ahead log of an embedded queue at this URL before the process ends. Other queues
/// have none.
///
/// # Errors
/// When the file cannot be written. Nothing is lost then: the next start reads the log.
pub async fn empty_log(url: &Url) -> anyhow::Result<()> {
    match url.scheme() {
        #[cfg(feature = "sqlite")]
        "sqlite" => Ok(crate::sqlite::empty_log(&crate::sqlite::path(VARIABLE, url)?).await?),
        _ => Ok(()),
    }
}

/// Creates the error for a temporarily unavailable queue; a retry may succeed.
#[cfg(any(feature = "kafka", feature = "sqlite"))]
fn unavailable(source: impl Into<Source>) -> Error {
    Error::unavailable("queue", source)
}
