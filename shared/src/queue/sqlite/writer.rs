//! The task that writes to the file. It writes the pending changes in one transaction and syncs
//! them together, while the next group accumulates. Between groups, it gives space that the queue
//! no longer needs back to the disk.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::error::DatabaseError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::capacity::Capacity;
use super::group::{Change, Group, total_bytes};
use crate::error::Result;
use crate::queue::unavailable;
use crate::sqlite::Writer;
use crate::sqlite::space::{self, Shrunk};

/// The maximum size of pending changes in memory. The group that is being written may use as
/// much again.
const BUFFER_BYTES: u32 = 16 * 1024 * 1024;

/// The maximum number of changes in a group.
const MAX_GROUP_CHANGES: usize = 10_000;

/// How long after a write the space of the file is looked at. The queue is idle if nothing is written
/// in the meantime.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// The pause between two steps that give space back. Changes are written in the meantime.
const STEP_PAUSE: Duration = Duration::from_millis(20);

/// The free space that a queue in use keeps for its next records. An idle queue keeps none.
const FREE_BYTES_IN_USE: u64 = 16 * 1024 * 1024;

/// The result of writing a group, shared by all its changes.
type Outcome = std::result::Result<(), Arc<sqlx::Error>>;

struct Request {
    change: Change,
    /// The change's share of [`BUFFER_BYTES`], released when the change joins a group.
    _buffered: OwnedSemaphorePermit,
    reply: oneshot::Sender<Outcome>,
}

/// Sends changes to the task. The task ends after this sender is dropped and all changes are
/// written.
pub(super) struct GroupWriter {
    requests: mpsc::UnboundedSender<Request>,
    buffer: Arc<Semaphore>,
    capacity: Arc<Capacity>,
    published: watch::Sender<()>,
}

impl GroupWriter {
    /// Starts the task for a queue that holds `used_bytes` of at most `max_bytes`.
    pub(super) fn start(file: Writer, max_bytes: u64, used_bytes: u64) -> Self {
        let (requests, pending) = mpsc::unbounded_channel();
        let writer = Self {
            requests,
            buffer: Arc::new(Semaphore::new(BUFFER_BYTES as usize)),
            capacity: Arc::new(Capacity::new(used_bytes, max_bytes)),
            published: watch::Sender::new(()),
        };
        let task = WriteTask {
            file,
            capacity: Arc::clone(&writer.capacity),
            published: writer.published.clone(),
            // Space may be left from an earlier run.
            tidy_at: Some(Instant::now() + IDLE_TIME),
            last_write: None,
        };
        tokio::spawn(task.run(pending));
        writer
    }

    /// Writes the change, and returns once it is durable. If the call is cancelled, the change may
    /// still be written.
    pub(super) async fn write(&self, change: Change) -> Result<()> {
        let bytes = u32::try_from(change.bytes())
            .map_or(BUFFER_BYTES, |bytes| bytes.clamp(1, BUFFER_BYTES));
        let buffered = Arc::clone(&self.buffer).acquire_many_owned(bytes).await;
        let buffered = buffered.map_err(unavailable)?;
        if let Change::Publish(records) = &change
            && !self.capacity.try_reserve(total_bytes(records))
        {
            return Err(unavailable("the queue is full"));
        }
        let (reply, outcome) = oneshot::channel();
        let request = Request { change, _buffered: buffered, reply };
        let sent = self.requests.send(request);
        sent.map_err(|_| unavailable("the writer has stopped"))?;
        outcome.await.map_err(unavailable)?.map_err(unavailable)
    }

    /// Changes whenever records have been published.
    pub(super) fn published(&self) -> watch::Receiver<()> {
        self.published.subscribe()
    }

    pub(super) fn is_running(&self) -> bool {
        !self.requests.is_closed()
    }
}

struct WriteTask {
    file: Writer,
    capacity: Arc<Capacity>,
    published: watch::Sender<()>,
    /// When to look at the space of the file; `None` if it has none to give back.
    tidy_at: Option<Instant>,
    last_write: Option<Instant>,
}

impl WriteTask {
    async fn run(mut self, mut pending: mpsc::UnboundedReceiver<Request>) {
        let mut requests = Vec::new();
        loop {
            let receive = pending.recv_many(&mut requests, MAX_GROUP_CHANGES);
            let received = match self.tidy_at {
                Some(time) => timeout_at(time, receive).await,
                None => Ok(receive.await),
            };
            match received {
                Ok(0) => break,
                Ok(_) => self.process_all(&mut requests).await,
                Err(_) => self.tidy().await,
            }
        }
        if let Err(error) = self.file.close().await {
            tracing::warn!(%error, "closing the queue file failed");
        }
    }

    /// Writes the changes of all requests as a group, and replies to them.
    async fn process_all(&mut self, requests: &mut Vec<Request>) {
        let mut group = Group::default();
        let mut replies = Vec::with_capacity(requests.len());
        for request in requests.drain(..) {
            group.add(request.change);
            replies.push(request.reply);
        }
        let outcome = self.process(&group).await.map_err(Arc::new);
        for reply in replies {
            // The receiver is dropped if its request was cancelled.
            let _ = reply.send(outcome.clone());
        }
        let now = Instant::now();
        self.last_write = Some(now);
        self.tidy_at.get_or_insert(now + IDLE_TIME);
    }

    /// Gives some of the free space back, or all of the write-ahead log if the queue is idle.
    async fn tidy(&mut self) {
        let is_idle = self.last_write.is_none_or(|time| time.elapsed() >= IDLE_TIME);
        let pause = match self.give_back(is_idle).await {
            Ok(Shrunk::Partly) => Some(STEP_PAUSE),
            Ok(Shrunk::Fully) if is_idle => None,
            Ok(Shrunk::Fully | Shrunk::Blocked) => Some(IDLE_TIME),
            Err(error) => {
                tracing::debug!(%error, "giving back the queue's space failed");
                Some(IDLE_TIME)
            }
        };
        self.tidy_at = pause.map(|pause| Instant::now() + pause);
    }

    async fn give_back(&mut self, is_idle: bool) -> sqlx::Result<Shrunk> {
        let mut connection = self.file.take().await?;
        let kept_bytes = if is_idle { 0 } else { FREE_BYTES_IN_USE };
        let mut shrunk = space::shrink(&mut connection, kept_bytes).await?;
        if is_idle && shrunk == Shrunk::Fully {
            shrunk = space::truncate_log(&mut connection).await?;
        }
        self.file.put_back(connection);
        Ok(shrunk)
    }

    /// Writes the group and accounts for its records.
    async fn process(&mut self, group: &Group) -> sqlx::Result<()> {
        match self.write(group).await {
            Ok(committed_bytes) => {
                self.capacity.release(committed_bytes);
                if !group.records.is_empty() {
                    self.published.send_replace(());
                }
                Ok(())
            }
            Err(error) => {
                self.capacity.release(total_bytes(&group.records) as u64);
                self.free_space(group, is_disk_full(&error)).await;
                Err(error)
            }
        }
    }

    /// Applies only the changes of a group that failed which free space.
    async fn free_space(&mut self, failed: &Group, is_disk_full: bool) {
        let Some(freeing) = failed.freeing(is_disk_full) else { return };
        if let Ok(committed_bytes) = self.write(&freeing).await {
            self.capacity.release(committed_bytes);
        }
    }

    /// Writes the whole group or nothing, and returns the size of the committed records in bytes.
    async fn write(&mut self, group: &Group) -> sqlx::Result<u64> {
        let mut connection = self.file.take().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let committed_bytes = group.apply(&mut transaction).await?;
        transaction.commit().await?;
        self.file.put_back(connection);
        Ok(committed_bytes)
    }
}

/// Whether SQLite returned [`SQLITE_FULL`](https://www.sqlite.org/rescode.html#full).
fn is_disk_full(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "13")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::super::{MIGRATIONS, VARIABLE, open};
    use super::*;
    use crate::queue::{Queue, Record};
    use crate::sqlite;

    const RECORD_BYTES: usize = 1_000_000;

    /// What a queue may take once it is idle: the committed records that it keeps, and little more.
    const IDLE_BYTES: u64 = 7 * 1024 * 1024;

    fn url(directory: &Path) -> url::Url {
        format!("sqlite://{}/queue.db", directory.display()).parse().unwrap()
    }

    /// The size of the file and its write-ahead log.
    fn disk_space(directory: &Path) -> u64 {
        let size = |name| std::fs::metadata(directory.join(name)).map_or(0, |file| file.len());
        size("queue.db") + size("queue.db-wal")
    }

    async fn publish(queue: &Queue, count: usize) {
        for _ in 0..count {
            let record = Record::from_bytes(vec![b'x'; RECORD_BYTES].into());
            queue.producer.publish(vec![record]).await.unwrap();
        }
    }

    async fn commit_until(queue: &Queue, last: i64) {
        loop {
            let batch = queue.consumer.poll().await.unwrap();
            let offset = batch.offsets()[&0];
            queue.consumer.commit(batch).await.unwrap();
            if offset == last {
                return;
            }
        }
    }

    async fn wait_until_small(directory: &Path) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while disk_space(directory) > IDLE_BYTES {
            assert!(Instant::now() < deadline, "{} bytes", disk_space(directory));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_queue_gives_its_space_back_after_a_burst() {
        let directory = tempfile::tempdir().unwrap();
        let queue = open(&url(directory.path())).await.unwrap();
        publish(&queue, 40).await;
        assert!(disk_space(directory.path()) > 40_000_000);
        commit_until(&queue, 40).await;
        wait_until_small(directory.path()).await;
        publish(&queue, 2).await;
        drop(queue);
        let queue = open(&url(directory.path())).await.unwrap();
        let batch = queue.consumer.poll().await.unwrap();
        assert_eq!(batch.offsets()[&0], 41);
    }

    #[tokio::test]
    async fn the_file_of_an_earlier_release_gives_its_space_back() {
        let directory = tempfile::tempdir().unwrap();
        let earlier = sqlite::open(VARIABLE, &url(directory.path()), &MIGRATIONS).await;
        let (mut file, _) = earlier.unwrap();
        let mut connection = file.take().await.unwrap();
        let burst = "INSERT INTO records (value) VALUES (zeroblob(40000000)), (x'0a');
                     DELETE FROM records WHERE offset = 1;
                     UPDATE progress SET committed = 1";
        sqlx::raw_sql(burst).execute(&mut connection).await.unwrap();
        file.put_back(connection);
        file.close().await.unwrap();
        assert!(disk_space(directory.path()) > 40_000_000);
        let queue = open(&url(directory.path())).await.unwrap();
        assert!(disk_space(directory.path()) < IDLE_BYTES);
        publish(&queue, 40).await;
        commit_until(&queue, 42).await;
        wait_until_small(directory.path()).await;
    }
}
