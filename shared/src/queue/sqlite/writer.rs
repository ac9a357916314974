//! The task that writes the queue's file, in groups: whatever waits is written in one transaction
//! and made durable by one sync, and while that goes on the next group gathers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::super::{DeadLetter, Record};
use super::unavailable;
use crate::error::Result;
use crate::sqlite::Writer;

/// How much of what is to be written is held in memory, in bytes; as much again is being written.
const GATHER_BYTES: u32 = 16 * 1024 * 1024;

/// The most changes that share a transaction.
const GROUP_CHANGES: usize = 10_000;

/// Rows an `INSERT`.
const ROWS: usize = 100;

/// What may happen to the file.
pub(super) enum Change {
    /// Records come to the end of the queue.
    Publish(Vec<Record>),
    /// Records up to and with this offset are done.
    Commit { last: i64 },
    /// Dead letters come to the others.
    WriteDeadLetters(Vec<DeadLetter>),
    /// Dead letters up to and with this place are deleted.
    PurgeDeadLetters { up_to: i64 },
}

impl Change {
    fn bytes(&self) -> usize {
        match self {
            Self::Publish(records) => bytes_of(records),
            Self::WriteDeadLetters(dead_letters) => {
                dead_letters.iter().map(|dead_letter| dead_letter.line.len()).sum()
            }
            Self::Commit { .. } | Self::PurgeDeadLetters { .. } => 0,
        }
    }
}

fn bytes_of(records: &[Record]) -> usize {
    let lengths = records.iter().map(|record| record.as_bytes().len());
    lengths.sum()
}

/// What became of a group; all its members share it.
type Outcome = std::result::Result<(), Arc<sqlx::Error>>;

struct Request {
    change: Change,
    /// Its share of [`GATHER_BYTES`], free again when its group is being written.
    _room: OwnedSemaphorePermit,
    answer: oneshot::Sender<Outcome>,
}

/// Hands changes to the writing task. The task ends after the last of these is dropped.
pub(super) struct GroupWriter {
    requests: mpsc::UnboundedSender<Request>,
    room: Arc<Semaphore>,
    backlog: Arc<Backlog>,
    published: Arc<Notify>,
}

impl GroupWriter {
    /// Starts the task on a queue that holds `waiting` bytes of at most `max_bytes`.
    pub(super) fn start(file: Writer, max_bytes: u64, waiting: u64) -> Self {
        let (requests, gathered) = mpsc::unbounded_channel();
        let writer = Self {
            requests,
            room: Arc::new(Semaphore::new(GATHER_BYTES as usize)),
            backlog: Arc::new(Backlog { bytes: AtomicU64::new(waiting), max_bytes }),
            published: Arc::default(),
        };
        let task = Task {
            file,
            backlog: Arc::clone(&writer.backlog),
            published: Arc::clone(&writer.published),
        };
        tokio::spawn(task.run(gathered));
        writer
    }

    /// Answers when the change is durable. It may become so although this is cancelled.
    pub(super) async fn write(&self, change: Change) -> Result<()> {
        let room = u32::try_from(change.bytes()).map_or(GATHER_BYTES, |n| n.clamp(1, GATHER_BYTES));
        let room = Arc::clone(&self.room).acquire_many_owned(room);
        let room = room.await.map_err(unavailable)?;
        if let Change::Publish(records) = &change
            && !self.backlog.admit(bytes_of(records))
        {
            return Err(unavailable("the queue is full"));
        }
        let (answer, outcome) = oneshot::channel();
        let request = Request { change, _room: room, answer };
        let sent = self.requests.send(request);
        sent.map_err(|_| unavailable("the writer has stopped"))?;
        outcome.await.map_err(unavailable)?.map_err(unavailable)
    }

    /// Answers after records were published, also if that was since this was last asked.
    pub(super) async fn published(&self) {
        self.published.notified().await;
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.requests.is_closed()
    }
}

/// How much waits on the queue, in bytes of its records.
struct Backlog {
    bytes: AtomicU64,
    max_bytes: u64,
}

impl Backlog {
    /// Counts what is about to be published, unless the queue is full.
    fn admit(&self, bytes: usize) -> bool {
        let add = |waiting: u64| {
            let sum = waiting.saturating_add(bytes as u64);
            (sum <= self.max_bytes).then_some(sum)
        };
        let added = self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        added.is_ok()
    }

    /// Counts what was committed, or was not published after all.
    fn release(&self, bytes: u64) {
        // Another process may have published what is committed here.
        let subtract = |waiting: u64| Some(waiting.saturating_sub(bytes));
        let _ = self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, subtract);
    }
}

struct Task {
    file: Writer,
    backlog: Arc<Backlog>,
    published: Arc<Notify>,
}

impl Task {
    async fn run(mut self, mut gathered: mpsc::UnboundedReceiver<Request>) {
        let mut requests = Vec::new();
        while gathered.recv_many(&mut requests, GROUP_CHANGES).await > 0 {
            let mut group = Group::default();
            for request in requests.drain(..) {
                group.add(request);
            }
            self.finish(group).await;
        }
        if let Err(error) = self.file.close().await {
            tracing::warn!(error = %error, "the queue's file was not closed cleanly");
        }
    }

    async fn finish(&mut self, group: Group) {
        let outcome = self.write(&group).await;
        if let Ok(freed_bytes) = &outcome {
            self.backlog.release(*freed_bytes);
            if !group.records.is_empty() {
                self.published.notify_one();
            }
        } else {
            self.backlog.release(bytes_of(&group.records) as u64);
            self.make_room(&group).await;
        }
        let outcome = outcome.map(drop).map_err(Arc::new);
        for answer in group.answers {
            // Who was cancelled does not want to know.
            let _ = answer.send(outcome.clone());
        }
    }

    /// Deletes what a group that failed had done with: where the disk is full, that is room.
    async fn make_room(&mut self, failed: &Group) {
        let Group { commit, purge, .. } = *failed;
        if commit.is_none() && purge.is_none() {
            return;
        }
        if let Ok(freed_bytes) = self.write(&Group { commit, purge, ..Group::default() }).await {
            self.backlog.release(freed_bytes);
        }
    }

    /// Writes all of the group or nothing; answers how many bytes of records are done.
    async fn write(&mut self, group: &Group) -> sqlx::Result<u64> {
        let mut connection = self.file.take().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        insert_records(&mut transaction, &group.records).await?;
        insert_dead_letters(&mut transaction, &group.dead_letters).await?;
        let mut freed_bytes = 0;
        if let Some(last) = group.commit {
            freed_bytes = delete_records(&mut transaction, last).await?;
        }
        if let Some(up_to) = group.purge {
            let delete = sqlx::query("DELETE FROM dead_letters WHERE place <= ?").bind(up_to);
            delete.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        self.file.put_back(connection);
        Ok(freed_bytes)
    }
}

/// Changes that share a transaction. Their order means nothing: what is committed or forgotten was
/// there before they were asked for.
#[derive(Default)]
struct Group {
    records: Vec<Record>,
    dead_letters: Vec<DeadLetter>,
    commit: Option<i64>,
    purge: Option<i64>,
    answers: Vec<oneshot::Sender<Outcome>>,
}

impl Group {
    fn add(&mut self, request: Request) {
        match request.change {
            Change::Publish(records) => self.records.extend(records),
            Change::WriteDeadLetters(dead_letters) => self.dead_letters.extend(dead_letters),
            Change::Commit { last } => self.commit = self.commit.max(Some(last)),
            Change::PurgeDeadLetters { up_to } => self.purge = self.purge.max(Some(up_to)),
        }
        self.answers.push(request.answer);
    }
}

async fn insert_records(connection: &mut SqliteConnection, records: &[Record]) -> sqlx::Result<()> {
    for rows in records.chunks(ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO records (value, traceparent) ");
        insert.push_values(rows, |mut row, record| {
            row.push_bind(record.as_bytes());
            row.push_bind(record.trace().map(|trace| trace.to_string()));
        });
        insert.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_dead_letters(
    connection: &mut SqliteConnection,
    dead_letters: &[DeadLetter],
) -> sqlx::Result<()> {
    for dead_letter in dead_letters {
        let insert = sqlx::query(
            "INSERT INTO dead_letters (line, reason, source_partition, source_offset, time_micros)
             VALUES (?, ?, ?, ?, ?)",
        );
        insert
            .bind(&dead_letter.line[..])
            .bind(&dead_letter.reason)
            .bind(dead_letter.source.partition)
            .bind(dead_letter.source.offset)
            .bind(dead_letter.time.as_micros())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Deletes the records up to and with `last`; answers how many bytes they had.
async fn delete_records(connection: &mut SqliteConnection, last: i64) -> sqlx::Result<u64> {
    let lengths = "SELECT COALESCE(SUM(LENGTH(value)), 0) FROM records WHERE offset <= ?";
    let lengths = sqlx::query_scalar(lengths).bind(last);
    let freed_bytes: i64 = lengths.fetch_one(&mut *connection).await?;
    let delete = sqlx::query("DELETE FROM records WHERE offset <= ?").bind(last);
    delete.execute(connection).await?;
    Ok(freed_bytes.unsigned_abs())
}
