//! The queue in a SQLite file: a table of records, and a table of dead letters. A single task
//! writes all changes, in groups. Readers never wait for it.

mod backlog;
mod capacity;
mod committed;
mod follower;
mod group;
mod reader;
mod writer;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use tokio_util::sync::DropGuard;
use url::Url;

use super::{
    Batch, Consumer, DeadLetter, DeadLetters, Followed, Follower, Position, Producer, Queue,
    Record, Start, VARIABLE, metrics, unavailable,
};
use crate::config::url_options::UrlOptions;
use crate::error::{Ready, Result};
use crate::log_entry::Timestamp;
use crate::sqlite::{self, space};
use group::Change;
use reader::PARTITION;
use writer::GroupWriter;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite/queue");

/// The default of `max_bytes`: 10 GiB.
const DEFAULT_MAX_BYTES: u64 = 10 * 1024 * 1024 * 1024;

/// How long a publish may take. The limit leaves the client time to retry.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);

/// How often an idle poll checks the file for records from other processes.
const IDLE_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Opens the queue at `sqlite:///path/to/file?max_bytes=…`.
pub(super) async fn open(url: &Url) -> anyhow::Result<Queue> {
    let options = UrlOptions::parse(VARIABLE, url, &["max_bytes"])?;
    let max_bytes = options.number("max_bytes", 0..=u64::MAX)?.unwrap_or(DEFAULT_MAX_BYTES);
    let (mut file, reader) = sqlite::open(VARIABLE, url, &MIGRATIONS).await?;
    let mut connection = file.take().await?;
    // On a full disk, the file keeps its size until a later start.
    if let Err(error) = space::prepare(&mut connection).await {
        tracing::warn!(%error, "the queue file cannot give unused space back");
    }
    let used_bytes = committed::uncommitted_bytes(&mut connection, i64::MAX).await?;
    let last_committed = committed::last_committed(&mut connection).await?;
    file.put_back(connection);
    let writer = GroupWriter::start(file, max_bytes, used_bytes.unsigned_abs());
    let queue = Arc::new(SqliteQueue::new(writer, reader, last_committed));
    Ok(Queue {
        producer: queue.clone(),
        consumer: queue.clone(),
        follower: queue.clone(),
        dead_letters: queue,
    })
}

struct SqliteQueue {
    writer: GroupWriter,
    reader: SqlitePool,
    poll: Mutex<Poll>,
    /// Reports the backlog from the first poll until the queue is dropped.
    backlog_reporter: OnceLock<DropGuard>,
}

/// The state of the consumer's polls.
struct Poll {
    /// The offset of the last polled record.
    last: i64,
    published: watch::Receiver<()>,
}

impl SqliteQueue {
    fn new(writer: GroupWriter, reader: SqlitePool, last_committed: i64) -> Self {
        let poll = Poll { last: last_committed, published: writer.published() };
        Self { writer, reader, poll: Mutex::new(poll), backlog_reporter: OnceLock::new() }
    }
}

#[async_trait]
impl Ready for SqliteQueue {
    async fn ready(&self) -> Result<()> {
        if !self.writer.is_running() {
            return Err(unavailable("the writer has stopped"));
        }
        let row = sqlx::query("SELECT 1 FROM records LIMIT 1");
        row.fetch_optional(&self.reader).await.map_err(unavailable)?;
        Ok(())
    }
}

#[async_trait]
impl Producer for SqliteQueue {
    async fn publish(&self, records: Vec<Record>) -> Result<()> {
        let written = self.writer.write(Change::Publish(records));
        timeout(PUBLISH_TIMEOUT, written).await.map_err(unavailable)?
    }
}

#[async_trait]
impl Follower for SqliteQueue {
    async fn follow(&self, start: Start) -> Result<Followed> {
        let published = self.writer.published();
        follower::follow(&self.reader, published, &start).await.map_err(unavailable)
    }
}

#[async_trait]
impl Consumer for SqliteQueue {
    async fn poll(&self) -> Result<Batch> {
        self.backlog_reporter
            .get_or_init(|| backlog::start_reporter(self.reader.clone(), metrics::INTERVAL));
        let mut poll = self.poll.lock().await;
        loop {
            poll.published.mark_unchanged();
            let records = reader::read_after(&self.reader, poll.last).await.map_err(unavailable)?;
            if let Some((last, _)) = records.last() {
                poll.last = *last;
                return Ok(batch(&records));
            }
            // Read again, whether records were published or the wait timed out.
            let _ = timeout(IDLE_POLL_INTERVAL, poll.published.changed()).await;
        }
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        match batch.offsets().get(&PARTITION) {
            Some(&last) => self.writer.write(Change::Commit { last }).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl DeadLetters for SqliteQueue {
    async fn write(&self, dead_letters: &[DeadLetter]) -> Result<()> {
        self.writer.write(Change::WriteDeadLetters(dead_letters.to_vec())).await
    }

    async fn list(&self, after: i64, limit: usize) -> Result<Vec<(i64, DeadLetter)>> {
        reader::list_dead_letters(&self.reader, after, limit).await.map_err(unavailable)
    }

    async fn purge(&self, up_to: i64) -> Result<()> {
        self.writer.write(Change::PurgeDeadLetters { up_to }).await
    }
}

/// Parses records, each with its offset.
fn batch(records: &[(i64, Record)]) -> Batch {
    let mut batch = Batch::default();
    let now = Timestamp::now();
    for (offset, record) in records {
        let position = Position { partition: PARTITION, offset: *offset };
        batch.push_record(position, record.as_bytes(), record.trace(), now);
    }
    batch
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;
    use url::Url;

    use super::*;
    use crate::{Error, queue};

    fn url(directory: &TempDir, query: &str) -> Url {
        let path = directory.path().join("queue.db");
        format!("sqlite://{}{query}", path.display()).parse().unwrap()
    }

    fn record(bytes: usize) -> Record {
        Record::from_bytes(vec![b'x'; bytes].into())
    }

    /// The sizes of the records in the file, in bytes.
    async fn record_sizes(url: &Url) -> Vec<i64> {
        let (mut file, _) = sqlite::open(VARIABLE, url, &MIGRATIONS).await.unwrap();
        let mut connection = file.take().await.unwrap();
        let lengths = sqlx::query_scalar("SELECT LENGTH(value) FROM records ORDER BY offset");
        lengths.fetch_all(&mut connection).await.unwrap()
    }

    async fn wait_until_closed(directory: &TempDir) {
        // SQLite removes its write-ahead log when the last connection closes.
        let log = directory.path().join("queue.db-wal");
        for _ in 0..2000 {
            if !log.exists() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the file is still open");
    }

    #[tokio::test]
    async fn an_invalid_option_is_named_in_the_error() {
        let directory = tempfile::tempdir().unwrap();
        for (query, name) in [("?max_bytes=1GB", "max_bytes"), ("?size=1", "\"size\"")] {
            let Err(error) = queue::open(&url(&directory, query)).await else {
                panic!("{query} was accepted");
            };
            let error = format!("{error:#}");
            assert!(error.contains("QUEUE_URL") && error.contains(name), "{error}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_unavailable_until_a_commit() {
        let directory = tempfile::tempdir().unwrap();
        let queue = open(&url(&directory, "?max_bytes=1000")).await.unwrap();
        queue.producer.publish(vec![record(600)]).await.unwrap();
        queue.producer.publish(vec![record(500)]).await.unwrap_err();
        queue.producer.publish(vec![record(400)]).await.unwrap();
        let batch = queue.consumer.poll().await.unwrap();
        queue.consumer.commit(batch).await.unwrap();
        queue.producer.publish(vec![record(1000)]).await.unwrap();
        queue.producer.publish(vec![record(1)]).await.unwrap_err();
    }

    #[tokio::test]
    async fn the_oldest_committed_records_are_deleted() {
        let directory = tempfile::tempdir().unwrap();
        let url = url(&directory, "");
        let queue = open(&url).await.unwrap();
        let third = committed::KEPT_BYTES / 3;
        for bytes in [1, third, third, third, third] {
            let record = record(bytes.try_into().unwrap());
            queue.producer.publish(vec![record]).await.unwrap();
            let batch = queue.consumer.poll().await.unwrap();
            queue.consumer.commit(batch).await.unwrap();
        }
        queue.producer.publish(vec![record(2)]).await.unwrap();
        assert_eq!(record_sizes(&url).await, [third, third, third, 2]);
    }

    #[tokio::test]
    async fn records_of_an_earlier_version_are_not_committed() {
        let directory = tempfile::tempdir().unwrap();
        let url = url(&directory, "?max_bytes=1000");
        let earlier = MIGRATIONS.iter().filter(|migration| migration.version < 3).cloned();
        let earlier = Migrator::with_migrations(earlier.collect());
        let (mut file, _) = sqlite::open(VARIABLE, &url, &earlier).await.unwrap();
        let mut connection = file.take().await.unwrap();
        let rows =
            "INSERT INTO records (offset, value) VALUES (5, zeroblob(300)), (6, zeroblob(300))";
        sqlx::raw_sql(rows).execute(&mut connection).await.unwrap();
        drop(connection);
        drop(file);
        let queue = open(&url).await.unwrap();
        queue.producer.publish(vec![record(500)]).await.unwrap_err();
        let batch = queue.consumer.poll().await.unwrap();
        assert_eq!(batch.offsets()[&PARTITION], 6);
    }

    #[tokio::test]
    async fn a_reopened_queue_counts_its_existing_records() {
        let directory = tempfile::tempdir().unwrap();
        let url = url(&directory, "?max_bytes=1000");
        let queue = open(&url).await.unwrap();
        queue.producer.publish(vec![record(600)]).await.unwrap();
        drop(queue);
        let queue = open(&url).await.unwrap();
        queue.producer.publish(vec![record(500)]).await.unwrap_err();
        queue.producer.publish(vec![record(400)]).await.unwrap();
    }

    #[tokio::test]
    async fn an_acknowledged_record_survives_a_crash() {
        let directory = tempfile::tempdir().unwrap();
        let queue = open(&url(&directory, "")).await.unwrap();
        for bytes in 1..=50 {
            queue.producer.publish(vec![record(bytes)]).await.unwrap();
        }
        let crashed = tempfile::tempdir().unwrap();
        let copy = |name: &str| {
            let from: &Path = directory.path();
            std::fs::copy(from.join(name), crashed.path().join(name)).unwrap();
        };
        copy("queue.db");
        copy("queue.db-wal");
        let lengths: Vec<i64> = (1..=50).collect();
        assert_eq!(record_sizes(&url(&crashed, "")).await, lengths);
    }

    #[tokio::test]
    async fn a_full_disk_fails_whole_groups_until_space_is_available() {
        let directory = tempfile::tempdir().unwrap();
        let url = url(&directory, "");
        let (mut file, reader) = sqlite::open(VARIABLE, &url, &MIGRATIONS).await.unwrap();
        let mut connection = file.take().await.unwrap();
        // The limit simulates a full disk. It applies only to this connection, which the
        // failed write closes.
        sqlx::raw_sql("PRAGMA max_page_count = 20").execute(&mut connection).await.unwrap();
        file.put_back(connection);
        let queue = SqliteQueue::new(GroupWriter::start(file, 3_000_000, 0), reader, 0);
        let two = vec![record(100), record(1_000_000)];
        let error = queue.publish(two).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { service: "queue", .. }));
        // This fits only if the failed publish released its share of `max_bytes`.
        let two = vec![record(200), record(2_500_000)];
        queue.publish(two).await.unwrap();
        assert_eq!(record_sizes(&url).await, [200, 2_500_000]);
    }

    #[tokio::test]
    async fn cancelled_publishes_are_written_after_the_queue_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let url = url(&directory, "");
        let queue = open(&url).await.unwrap();
        for bytes in 1..=100 {
            let publish = queue.producer.publish(vec![record(bytes)]);
            let _ = timeout(Duration::ZERO, publish).await;
        }
        drop(queue);
        wait_until_closed(&directory).await;
        assert_eq!(record_sizes(&url).await, (1..=100).collect::<Vec<i64>>());
    }
}
