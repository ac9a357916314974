//! The task that writes to the file. It writes the pending changes in one transaction and syncs
//! them together, while the next group accumulates.

use std::sync::Arc;

use sqlx::Connection;
use sqlx::error::DatabaseError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::capacity::Capacity;
use super::group::{Change, Group, total_bytes};
use crate::error::Result;
use crate::queue::unavailable;
use crate::sqlite::Writer;

/// The maximum size of pending changes in memory. The group that is being written may use as
/// much again.
const BUFFER_BYTES: u32 = 16 * 1024 * 1024;

/// The maximum number of changes in a group.
const MAX_GROUP_CHANGES: usize = 10_000;

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
}

impl WriteTask {
    async fn run(mut self, mut pending: mpsc::UnboundedReceiver<Request>) {
        let mut requests = Vec::new();
        while pending.recv_many(&mut requests, MAX_GROUP_CHANGES).await > 0 {
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
        }
        if let Err(error) = self.file.close().await {
            tracing::warn!(%error, "closing the queue file failed");
        }
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
