//! Consumer: stores and indexes what is on the queue, at the pace that both can hold.
//! `queue.poll --> Batch -- store.insert and index.add --> queue.commit`

pub mod dead_letters;
mod retry;

use std::ops::Range;
use std::sync::Arc;

use shared::Timestamp;
use shared::config::BatchConfig;
use shared::error::{Error, Refused};
use shared::http::Function;
use shared::index::Index;
use shared::queue::{self, Batch, DeadLetter, DeadLetters, Queue};
use shared::store::Store;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use retry::{backoff, until_answered};

/// The size from which a batch is full, whatever it counts. Two batches are in memory at once.
const BATCH_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The function: the queue that it reads, and the two sinks that it writes.
pub struct Consumer {
    queue: Arc<dyn queue::Consumer>,
    dead_letters: Arc<dyn DeadLetters>,
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
    batching: BatchConfig,
}

impl Consumer {
    /// A consumer of `queue`.
    #[must_use]
    pub fn new(
        queue: &Queue,
        store: Arc<dyn Store>,
        index: Arc<dyn Index>,
        batching: BatchConfig,
    ) -> Self {
        let (queue, dead_letters) = (queue.consumer.clone(), queue.dead_letters.clone());
        Self { queue, dead_letters, store, index, batching }
    }

    /// What it answers about itself, ready to be served: probes and metrics, no API.
    #[must_use]
    pub fn function(&self) -> Function {
        Function::without_api("consumer")
            .requires("queue", self.queue.clone())
            .requires("store", self.store.clone())
            .requires("index", self.index.clone())
    }

    /// Runs in a task of its own until `stop`. If it ends by itself, a bug, `process` is cancelled.
    #[must_use]
    pub fn spawn(self, stop: CancellationToken, process: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(async move {
            let _end = process.drop_guard();
            self.run(&stop).await;
        })
    }

    /// Moves batches from the queue into both sinks until `shutdown`; finishes what it holds then,
    /// unless a sink is away. Every batch is gathered while the one before it is written.
    pub async fn run(&self, shutdown: &CancellationToken) {
        let mut batch = self.gather(shutdown).await;
        while !batch.is_empty() {
            let (written, next) = tokio::join!(self.write(batch, shutdown), self.gather(shutdown));
            if written.is_none() {
                tracing::warn!("stopped while a service is away: the rest stays on the queue");
                return;
            }
            batch = next;
        }
    }

    /// Polls until the batch is full or old enough. Empty only on shutdown.
    async fn gather(&self, shutdown: &CancellationToken) -> Batch {
        let mut batch = Batch::default();
        let mut deadline = Instant::now();
        let mut pauses = backoff();
        while !self.is_full(&batch) {
            let polled = tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep_until(deadline), if !batch.is_empty() => break,
                polled = self.queue.poll() => polled,
            };
            match polled {
                Ok(polled) => {
                    if batch.is_empty() {
                        deadline = Instant::now() + self.batching.max_wait;
                    }
                    batch.append(polled);
                    pauses = backoff();
                }
                Err(error) => {
                    retry::log("poll", &error);
                    retry::pause(&mut pauses, shutdown).await;
                }
            }
        }
        batch
    }

    fn is_full(&self, batch: &Batch) -> bool {
        batch.entries().len() >= self.batching.max_entries || batch.bytes() >= BATCH_MAX_BYTES
    }

    /// Writes the batch to both sinks at once, buries what neither will ever take, then commits.
    /// `None`: shutdown came while a service was away, and nothing was committed.
    async fn write(&self, batch: Batch, shutdown: &CancellationToken) -> Option<()> {
        let entries = batch.entries();
        let (stored, indexed) = tokio::join!(
            deliver("insert", shutdown, entries.len(), |part| self.store.insert(&entries[part])),
            deliver("add", shutdown, entries.len(), |part| self.index.add(&entries[part])),
        );
        let letters = letters(&batch, &stored?, &indexed?);
        if !letters.is_empty() {
            let buried = until_answered("bury", shutdown, || self.dead_letters.bury(&letters));
            if let Err(error) = buried.await? {
                tracing::error!(%error, "dead letters cannot be kept");
                return None;
            }
            tracing::error!(count = letters.len(), "entries became dead letters");
            metrics::counter!("consumer_dead_letters_total").increment(letters.len() as u64);
        }
        metrics::counter!("consumer_entries_total").increment(entries.len() as u64);
        // A commit that fails is made good by the next one; until then the batch may come again,
        // which changes nothing.
        if let Err(error) = self.queue.commit(batch).await {
            retry::log("commit", &error);
        }
        Some(())
    }
}

/// Gives so many entries to a sink, by their range. One that rejects them all is asked again with
/// halves, down to the entry that it means. `None`: it is away and shutdown has come.
async fn deliver<F: Future<Output = Result<Vec<Refused>, Error>>>(
    what: &'static str,
    shutdown: &CancellationToken,
    count: usize,
    sink: impl Fn(Range<usize>) -> F,
) -> Option<Vec<Refused>> {
    let mut refused = Vec::new();
    let whole = Range { start: 0, end: count };
    let mut parts = Vec::from_iter((count > 0).then_some(whole));
    while let Some(Range { start, end }) = parts.pop() {
        match until_answered(what, shutdown, || sink(start..end)).await? {
            Ok(some) => refused.extend(
                some.into_iter()
                    .map(|Refused { index, reason }| Refused { index: start + index, reason }),
            ),
            Err(error) if end - start <= 1 => {
                refused.push(Refused { index: start, reason: error.to_string() });
            }
            Err(_) => {
                let middle = start.midpoint(end);
                parts.extend([middle..end, start..middle]);
            }
        }
    }
    Some(refused)
}

fn letters(batch: &Batch, stored: &[Refused], indexed: &[Refused]) -> Vec<DeadLetter> {
    let now = Timestamp::now();
    let by_store = stored.iter().map(|refused| ("store", refused));
    let by_index = indexed.iter().map(|refused| ("index", refused));
    let refused = by_store.chain(by_index).map(|(sink, refused)| {
        batch.dead_letter(refused.index, format!("{sink}: {}", refused.reason), now)
    });
    batch.unreadable().iter().cloned().chain(refused).collect()
}
