//! Consumer: stores and indexes what is on the queue, at the pace that both can hold.
//! `queue.poll --> Batch -- store.insert and index.add --> queue.commit`

pub mod dead_letters;
mod delivery;
mod retry;

use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::Timestamp;
use shared::config::BatchConfig;
use shared::error::Refused;
use shared::http::Function;
use shared::index::Index;
use shared::queue::{self, Batch, DeadLetter, DeadLetters, Queue};
use shared::store::Store;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use delivery::{Delivery, Sink};
use retry::{backoff, until_answered};

/// The size from which a batch is full, whatever it counts.
const BATCH_MAX_BYTES: usize = 16 * 1024 * 1024;

/// How many batches are written at once, so that neither sink waits for the other one or for a
/// commit. One batch more is in memory.
const WRITTEN_AT_ONCE: usize = 3;

/// How many of a batch's traces its span tells.
const TOLD_TRACES: usize = 8;

/// The function: the queue that it reads, and the two sinks that it writes.
pub struct Consumer {
    queue: Arc<dyn queue::Consumer>,
    dead_letters: Arc<dyn DeadLetters>,
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
    batching: BatchConfig,
}

/// What goes to each sink.
struct Sinks {
    store: Delivery,
    index: Delivery,
}

/// Batches are written side by side, and committed in the order of the queue.
struct Turn {
    /// The batch before this one is committed.
    before: Option<oneshot::Receiver<()>>,
    /// This one is.
    done: oneshot::Sender<()>,
}

impl Turn {
    /// The turn behind the last one, which it becomes.
    fn behind(last: &mut Option<oneshot::Receiver<()>>) -> Self {
        let (done, is_done) = oneshot::channel();
        Self { before: last.replace(is_done), done }
    }
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
    /// unless a sink is away. Some batches are written at once, and another is gathered meanwhile.
    pub async fn run(&self, shutdown: &CancellationToken) {
        let sinks = Sinks {
            store: Delivery::to(Sink::Store(self.store.clone())),
            index: Delivery::to(Sink::Index(self.index.clone())),
        };
        let mut last = None;
        let mut writing = FuturesUnordered::new();
        let mut gathering = pin!(self.gather(shutdown));
        let mut is_over = false;
        while !is_over || !writing.is_empty() {
            tokio::select! {
                batch = &mut gathering, if !is_over && writing.len() < WRITTEN_AT_ONCE => {
                    is_over = batch.is_empty();
                    if !is_over {
                        let turn = Turn::behind(&mut last);
                        let span = span_of(&batch);
                        writing.push(self.write(batch, turn, &sinks, shutdown).instrument(span));
                        gathering.set(self.gather(shutdown));
                    }
                }
                Some(written) = writing.next() => if written.is_none() {
                    tracing::warn!("stopped while a service is away: the rest stays on the queue");
                    return;
                },
            }
        }
    }

    /// Keeps dead letters. `None`: they cannot be kept, and nothing is to be committed.
    async fn write_dead_letters(
        &self,
        dead_letters: Vec<DeadLetter>,
        shutdown: &CancellationToken,
    ) -> Option<()> {
        if dead_letters.is_empty() {
            return Some(());
        }
        let write = || self.dead_letters.write(&dead_letters);
        if let Err(error) = until_answered("dead_letters", shutdown, write).await? {
            tracing::error!(%error, "dead letters cannot be kept");
            return None;
        }
        for DeadLetter { reason, source, .. } in &dead_letters {
            tracing::error!(reason, %source, "an entry became a dead letter");
        }
        metrics::counter!("consumer_dead_letters_total").increment(dead_letters.len() as u64);
        Some(())
    }

    /// Polls until the batch is full or old enough. Empty only on shutdown.
    async fn gather(&self, shutdown: &CancellationToken) -> Batch {
        let mut batch = Batch::default();
        let mut deadline = Instant::now();
        let mut pauses = backoff();
        while !self.is_full(&batch) {
            let polled = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                // What is there is taken before the deadline is looked at: it may have passed while
                // there was no room for another batch.
                polled = self.queue.poll() => polled,
                () = tokio::time::sleep_until(deadline), if !batch.is_empty() => break,
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

    /// Writes the batch to both sinks at once. When its turn has come, buries what neither will ever
    /// take, then commits. `None`: shutdown came while a service was away, and nothing was
    /// committed.
    async fn write(
        &self,
        batch: Batch,
        turn: Turn,
        sinks: &Sinks,
        shutdown: &CancellationToken,
    ) -> Option<()> {
        let entries = batch.entries();
        let (stored, indexed) = tokio::join!(
            sinks.store.deliver(entries, shutdown),
            sinks.index.deliver(entries, shutdown),
        );
        let dead_letters = dead_letters(&batch, &stored?, &indexed?);
        if let Some(before) = turn.before {
            before.await.ok()?;
        }
        self.write_dead_letters(dead_letters, shutdown).await?;
        count(&batch);
        // A commit that fails is made good by the next one; until then the batch may come again,
        // which changes nothing.
        if let Err(error) = self.queue.commit(batch).await {
            retry::log("commit", &error);
        }
        let _ = turn.done.send(());
        Some(())
    }
}

/// The span in which a batch is written: it names the traces that end in it.
fn span_of(batch: &Batch) -> tracing::Span {
    let traces: Vec<String> =
        batch.traces().take(TOLD_TRACES).map(|trace| trace.trace_id()).collect();
    tracing::info_span!("batch", entries = batch.entries().len(), traces = traces.join(","))
}

/// Tells that everything in the batch is stored and indexed, or a dead letter.
#[expect(clippy::cast_precision_loss, reason = "no batch has 2^53 entries")]
fn count(batch: &Batch) {
    let entries = batch.entries().len();
    metrics::counter!("consumer_entries_total").increment(entries as u64);
    metrics::histogram!("consumer_batch_entries").record(entries as f64);
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    for parent in batch.traces() {
        let (trace_id, parent_id) = (parent.trace_id(), parent.span_id());
        let span_id = parent.child().span_id();
        tracing::debug!(trace_id, span_id, parent_id, "stored and indexed");
    }
}

fn dead_letters(batch: &Batch, stored: &[Refused], indexed: &[Refused]) -> Vec<DeadLetter> {
    let now = Timestamp::now();
    let by_store = stored.iter().map(|refused| ("store", refused));
    let by_index = indexed.iter().map(|refused| ("index", refused));
    let refused = by_store.chain(by_index).map(|(sink, refused)| {
        batch.dead_letter(refused.index, format!("{sink}: {}", refused.reason), now)
    });
    batch.unreadable().iter().cloned().chain(refused).collect()
}
