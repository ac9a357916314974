//! The queue in a SQLite file of this machine: a table of records, and one of dead letters.
//! One task writes, in groups; who reads never waits for it.

mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::{Row, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;
use tokio::time::timeout;
use url::Url;

use super::{
    Batch, Consumer, DeadLetter, DeadLetters, Position, Producer, Queue, Record, VARIABLE,
};
use crate::config::UrlOptions;
use crate::error::{Error, Ready, Result, Source};
use crate::log_entry::Timestamp;
use crate::sqlite;
use writer::{Change, GroupWriter};

static TABLES: Migrator = sqlx::migrate!("migrations/sqlite/queue");

/// How much may wait on the queue if the URL does not say: 10 GiB.
const DEFAULT_MAX_BYTES: u64 = 10 * 1024 * 1024 * 1024;

/// `publish` gives up in time for the proxy to try elsewhere.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);

/// A poll answers about this much, and at least one record.
const POLL_BYTES: i64 = 1024 * 1024;

/// The most records that a poll looks at.
const POLL_RECORDS: i64 = 4096;

/// How often an idle poll looks by itself: another process may have written.
const RECHECK: Duration = Duration::from_millis(500);

/// The table is the one partition.
const PARTITION: i32 = 0;

/// Opens the queue at `sqlite:///path/to/file?max_bytes=…`.
pub(super) async fn open(url: &Url) -> anyhow::Result<Queue> {
    let options = UrlOptions::parse(VARIABLE, url, &["max_bytes"])?;
    let max_bytes = options.number("max_bytes", 0..=u64::MAX)?.unwrap_or(DEFAULT_MAX_BYTES);
    let (mut file, reader) = sqlite::open(VARIABLE, url, &TABLES).await?;
    let mut connection = file.take().await?;
    let waiting: i64 = sqlx::query_scalar("SELECT COALESCE(SUM(LENGTH(value)), 0) FROM records")
        .fetch_one(&mut connection)
        .await?;
    file.put_back(connection);
    let queue = Arc::new(SqliteQueue {
        writer: GroupWriter::start(file, max_bytes, waiting.unsigned_abs()),
        reader,
        polled: Mutex::new(0),
    });
    Ok(Queue { producer: queue.clone(), consumer: queue.clone(), dead_letters: queue })
}

struct SqliteQueue {
    writer: GroupWriter,
    reader: SqlitePool,
    /// The offset of the last record that was polled.
    polled: Mutex<i64>,
}

impl SqliteQueue {
    async fn read_after(&self, offset: i64) -> sqlx::Result<Batch> {
        let mut connection = self.reader.acquire().await?;
        let mut batch = Batch::default();
        let Some(last) = last_of_poll(&mut connection, offset).await? else {
            return Ok(batch);
        };
        let records = sqlx::query(
            "SELECT offset, value, traceparent FROM records
             WHERE offset > ? AND offset <= ? ORDER BY offset",
        )
        .bind(offset)
        .bind(last)
        .fetch_all(&mut *connection)
        .await?;
        let now = Timestamp::now();
        for record in records {
            let source = Position { partition: PARTITION, offset: record.try_get(0)? };
            let trace: Option<&str> = record.try_get(2)?;
            let trace = trace.and_then(|trace| trace.parse().ok());
            batch.push_record(source, record.try_get(1)?, trace, now);
        }
        Ok(batch)
    }
}

/// The offset up to which a poll reads. Asks for lengths first, so that no record is read in vain.
async fn last_of_poll(connection: &mut SqliteConnection, after: i64) -> sqlx::Result<Option<i64>> {
    let lengths: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT offset, LENGTH(value) FROM records WHERE offset > ? ORDER BY offset LIMIT ?",
    )
    .bind(after)
    .bind(POLL_RECORDS)
    .fetch_all(connection)
    .await?;
    let mut last = None;
    let mut bytes = 0;
    for (offset, length) in lengths {
        bytes += length;
        if last.is_some() && bytes > POLL_BYTES {
            break;
        }
        last = Some(offset);
    }
    Ok(last)
}

#[async_trait]
impl Ready for SqliteQueue {
    async fn ready(&self) -> Result<()> {
        if !self.writer.is_alive() {
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
impl Consumer for SqliteQueue {
    async fn poll(&self) -> Result<Batch> {
        let mut polled = self.polled.lock().await;
        loop {
            let batch = self.read_after(*polled).await.map_err(unavailable)?;
            if let Some(last) = batch.offsets().get(&PARTITION) {
                *polled = *last;
                return Ok(batch);
            }
            // Either way it is time to look again.
            let _ = timeout(RECHECK, self.writer.published()).await;
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
        let dead_letters: Vec<(i64, Vec<u8>, String, i32, i64, i64)> = sqlx::query_as(
            "SELECT place, line, reason, source_partition, source_offset, time_micros
             FROM dead_letters WHERE place > ? ORDER BY place LIMIT ?",
        )
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.reader)
        .await
        .map_err(unavailable)?;
        let dead_letters =
            dead_letters.into_iter().map(|(place, line, reason, partition, offset, micros)| {
                let dead_letter = DeadLetter {
                    line,
                    reason,
                    source: Position { partition, offset },
                    time: Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX),
                };
                (place, dead_letter)
            });
        Ok(dead_letters.collect())
    }

    async fn purge(&self, up_to: i64) -> Result<()> {
        self.writer.write(Change::PurgeDeadLetters { up_to }).await
    }
}

/// Whatever SQLite says, the next try may go well: there is room again, or the disk is back.
fn unavailable(source: impl Into<Source>) -> Error {
    Error::unavailable("queue", source)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;
    use url::Url;

    use super::*;
    use crate::queue;

    fn url(directory: &TempDir, query: &str) -> Url {
        let path = directory.path().join("queue.db");
        format!("sqlite://{}{query}", path.display()).parse().unwrap()
    }

    fn record(bytes: usize) -> Record {
        Record::from_bytes(vec![b'x'; bytes].into())
    }

    /// The numbers of bytes that wait in the file.
    async fn waiting(url: &Url) -> Vec<i64> {
        let (mut file, _) = sqlite::open(VARIABLE, url, &TABLES).await.unwrap();
        let mut connection = file.take().await.unwrap();
        let lengths = sqlx::query_scalar("SELECT LENGTH(value) FROM records ORDER BY offset");
        lengths.fetch_all(&mut connection).await.unwrap()
    }

    async fn closed(directory: &TempDir) {
        // SQLite removes its log when the last connection is closed.
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
    async fn a_wrong_setting_is_named() {
        let directory = tempfile::tempdir().unwrap();
        for (query, what) in [("?max_bytes=1GB", "max_bytes"), ("?size=1", "\"size\"")] {
            let Err(error) = queue::open(&url(&directory, query)).await else {
                panic!("{query} was taken");
            };
            let error = format!("{error:#}");
            assert!(error.contains("QUEUE_URL") && error.contains(what), "{error}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_takes_again_after_a_commit() {
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
    async fn a_queue_that_was_full_is_full_when_it_is_opened_again() {
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
    async fn an_acknowledged_record_is_in_the_files_whenever_the_process_dies() {
        let directory = tempfile::tempdir().unwrap();
        let queue = open(&url(&directory, "")).await.unwrap();
        for bytes in 1..=50 {
            queue.producer.publish(vec![record(bytes)]).await.unwrap();
        }
        let after_the_crash = tempfile::tempdir().unwrap();
        let copy = |name: &str| {
            let from: &Path = directory.path();
            std::fs::copy(from.join(name), after_the_crash.path().join(name)).unwrap();
        };
        copy("queue.db");
        copy("queue.db-wal");
        let lengths: Vec<i64> = (1..=50).collect();
        assert_eq!(waiting(&url(&after_the_crash, "")).await, lengths);
    }

    #[tokio::test]
    async fn a_full_disk_refuses_whole_groups_and_is_written_again_when_there_is_room() {
        let directory = tempfile::tempdir().unwrap();
        let url = url(&directory, "");
        let (mut file, reader) = sqlite::open(VARIABLE, &url, &TABLES).await.unwrap();
        let mut connection = file.take().await.unwrap();
        // The limit is the connection's: it stands for a disk on which there is room later.
        sqlx::raw_sql("PRAGMA max_page_count = 20").execute(&mut connection).await.unwrap();
        file.put_back(connection);
        let queue = SqliteQueue {
            writer: GroupWriter::start(file, 3_000_000, 0),
            reader,
            polled: Mutex::new(0),
        };
        let two = vec![record(100), record(1_000_000)];
        let error = queue.publish(two).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { service: "queue", .. }));
        // Had the refused bytes stayed counted, this would be too much.
        let two = vec![record(200), record(2_500_000)];
        queue.publish(two).await.unwrap();
        assert_eq!(waiting(&url).await, [200, 2_500_000]);
    }

    #[tokio::test]
    async fn what_was_handed_over_is_written_after_everybody_left() {
        let directory = tempfile::tempdir().unwrap();
        let url = url(&directory, "");
        let queue = open(&url).await.unwrap();
        for bytes in 1..=100 {
            let publish = queue.producer.publish(vec![record(bytes)]);
            let _ = timeout(Duration::ZERO, publish).await;
        }
        drop(queue);
        closed(&directory).await;
        assert_eq!(waiting(&url).await, (1..=100).collect::<Vec<i64>>());
    }
}
