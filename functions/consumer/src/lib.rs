//! Consumes the queue: stores and indexes log entries at a pace that the store and the index can
//! sustain.
//! `queue.poll --> Batch -- store.insert, then index.add --> queue.commit`

mod batch_writer;
mod commit_ticket;
pub mod dead_letters;
mod delivery;
mod gather;
mod retry;
mod withdrawal;

use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::config::BatchConfig;
use shared::http::Function;
use shared::index::Index;
use shared::queue::{self, Batch, DeadLetters, Queue};
use shared::store::Store;
use shared::telemetry::{CONSUMER_METRICS, start_counters};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use batch_writer::BatchWriter;
use commit_ticket::CommitTicket;
use gather::gather;

/// The number of batches written concurrently: enough that neither sink waits for the other or for
/// a commit. One more batch is gathered in memory.
const MAX_CONCURRENT_WRITES: usize = 5;

/// The maximum number of trace ids that the span of a batch records.
const MAX_SPAN_TRACES: usize = 8;

/// Reads the queue, and writes to the store and the index.
pub struct Consumer {
    queue: Arc<dyn queue::Consumer>,
    dead_letters: Arc<dyn DeadLetters>,
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
    batching: BatchConfig,
    batches: Arc<RwLock<()>>,
}

impl Consumer {
    /// Creates a consumer of `queue`.
    #[must_use]
    pub fn new(
        queue: &Queue,
        store: Arc<dyn Store>,
        index: Arc<dyn Index>,
        batching: BatchConfig,
    ) -> Self {
        start_counters(&CONSUMER_METRICS);
        let (queue, dead_letters) = (queue.consumer.clone(), queue.dead_letters.clone());
        Self { queue, dead_letters, store, index, batching, batches: Arc::default() }
    }

    /// A lock that is held for reading while a batch is written. While it is held for writing, no
    /// batch is being written.
    #[must_use]
    pub fn batches(&self) -> Arc<RwLock<()>> {
        self.batches.clone()
    }

    /// The function to serve, which has health checks and metrics but no API.
    #[must_use]
    pub fn function(&self) -> Function {
        Function::without_api("consumer")
            .requires("queue", self.queue.clone())
            .requires("store", self.store.clone())
            .requires("index", self.index.clone())
    }

    /// Runs in a separate task until `stop` is cancelled. When the task ends, even because of a
    /// panic, it cancels `process`, so that the process does not continue without a consumer.
    #[must_use]
    pub fn spawn(self, stop: CancellationToken, process: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(async move {
            let _end = process.drop_guard();
            self.run(&stop).await;
        })
    }

    /// Moves batches from the queue to both sinks until `shutdown` is cancelled, then finishes the
    /// batches that are being written unless a service is unavailable. Meanwhile the next batch is
    /// gathered; on shutdown, its entries are left to the queue.
    pub async fn run(&self, shutdown: &CancellationToken) {
        let writer = BatchWriter::new(self);
        let mut last_ticket = None;
        let mut writing = FuturesUnordered::new();
        let mut gathering = pin!(gather(&*self.queue, &self.batching));
        let mut is_stopping = false;
        while !is_stopping || !writing.is_empty() {
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if !is_stopping => is_stopping = true,
                Some(written) = writing.next() => {
                    let Some(()) = written else {
                        tracing::warn!("stopped while a service is down; the queue keeps its entries");
                        return;
                    };
                }
                batch = &mut gathering, if !is_stopping && writing.len() < MAX_CONCURRENT_WRITES => {
                    let ticket = CommitTicket::issue(&mut last_ticket);
                    let span = batch_span(&batch);
                    writing.push(writer.write(batch, ticket, shutdown).instrument(span));
                    gathering.set(gather(&*self.queue, &self.batching));
                }
            }
        }
    }
}

/// The span for writing a batch, which records the first trace ids of the batch.
fn batch_span(batch: &Batch) -> tracing::Span {
    let traces = batch.traces().iter().take(MAX_SPAN_TRACES);
    let traces: Vec<String> = traces.map(|trace| trace.trace_id().to_string()).collect();
    tracing::info_span!("batch", entries = batch.entries().len(), traces = traces.join(","))
}
