//! Writes a batch to both sinks, and commits it once every entry has either been stored and indexed
//! or become a dead letter.

use std::collections::HashSet;
use std::sync::Arc;

use shared::error::{Refusal, Refused};
use shared::index::Index;
use shared::queue::{self, Batch, DeadLetter, DeadLetters};
use shared::store::Store;
use shared::{LogEntry, Timestamp};
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;

use crate::Consumer;
use crate::commit_ticket::CommitTicket;
use crate::delivery::{Delivery, Sink};
use crate::retry::{self, retry_while_unavailable};
use crate::withdrawal::withdraw_deleted;

/// Writes a consumer's batches.
pub(crate) struct BatchWriter {
    queue: Arc<dyn queue::Consumer>,
    dead_letters: Arc<dyn DeadLetters>,
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
    to_store: Delivery,
    to_index: Delivery,
    in_progress: Arc<RwLock<()>>,
}

impl BatchWriter {
    pub(crate) fn new(consumer: &Consumer) -> Self {
        Self {
            queue: consumer.queue.clone(),
            dead_letters: consumer.dead_letters.clone(),
            store: consumer.store.clone(),
            index: consumer.index.clone(),
            to_store: Delivery::to(Sink::Store(consumer.store.clone())),
            to_index: Delivery::to(Sink::Index(consumer.index.clone(), consumer.store.clone())),
            in_progress: consumer.batches.clone(),
        }
    }

    /// Writes the batch to the store, then to the index. A rebuild of the index relies on this
    /// order, because every entry in the index is then also in the store. Entries that are deleted
    /// in the meantime are removed from the index. Once the previous batch is committed, writes the
    /// dead letters and commits. Returns `None` without committing if shutdown interrupts the
    /// retries, the dead letters cannot be written, or the previous batch was not committed.
    pub(crate) async fn write(
        &self,
        batch: Batch,
        mut ticket: CommitTicket,
        shutdown: &CancellationToken,
    ) -> Option<()> {
        let _in_progress = self.in_progress.read().await;
        let entries = batch.entries();
        let deletions = self.deletions(shutdown).await?;
        let stored = self.to_store.deliver(entries, shutdown).await?;
        let indexed = self.index_stored(entries, &stored, shutdown).await?;
        // Entries that are deleted from now on are in the index, from which they are deleted too. An
        // entry that was deleted earlier may be in the index if the batch was interrupted.
        let is_any_deleted = stored.iter().any(|refused| refused.reason == Refusal::Deleted);
        if is_any_deleted || self.deletions(shutdown).await? != deletions {
            let withdraw = || withdraw_deleted(&*self.store, &*self.index, entries);
            retry::until_success("withdrawal", shutdown, withdraw).await?;
        }
        let dead_letters = dead_letters(&batch, &stored, &indexed);
        ticket.wait_for_previous().await?;
        self.write_dead_letters(&dead_letters, shutdown).await?;
        record_metrics(&batch, &stored);
        // If this commit fails, the next one covers it. Until then the batch may be polled again,
        // which is harmless.
        if let Err(error) = self.queue.commit(batch).await {
            retry::log("commit", &error);
        }
        ticket.complete();
        Some(())
    }

    async fn deletions(&self, shutdown: &CancellationToken) -> Option<u64> {
        retry::until_success("store", shutdown, || self.store.deletions()).await
    }

    /// Indexes the entries that the store has. Returns those that the index refuses, by their
    /// positions in `entries`.
    async fn index_stored(
        &self,
        entries: &[LogEntry],
        refused: &[Refused],
        shutdown: &CancellationToken,
    ) -> Option<Vec<Refused>> {
        if refused.is_empty() {
            return self.to_index.deliver(entries, shutdown).await;
        }
        let refused: HashSet<usize> = refused.iter().map(|refused| refused.index).collect();
        let stored = (0..entries.len()).filter(|index| !refused.contains(index));
        let stored: Vec<usize> = stored.collect();
        let entries: Vec<LogEntry> = stored.iter().map(|index| entries[*index].clone()).collect();
        let refused = self.to_index.deliver(&entries, shutdown).await?;
        let original = |one: Refused| Refused { index: stored[one.index], ..one };
        Some(refused.into_iter().map(original).collect())
    }

    /// Writes the dead letters. Returns `None` if they cannot be written, in which case the batch
    /// must not be committed.
    async fn write_dead_letters(
        &self,
        dead_letters: &[DeadLetter],
        shutdown: &CancellationToken,
    ) -> Option<()> {
        if dead_letters.is_empty() {
            return Some(());
        }
        let write = || self.dead_letters.write(dead_letters);
        let written = retry_while_unavailable("dead_letters", shutdown, write).await?;
        if let Err(error) = written {
            tracing::error!(%error, "failed to write dead letters");
            return None;
        }
        for DeadLetter { reason, source, .. } in dead_letters {
            tracing::error!(reason, %source, "an entry became a dead letter");
        }
        metrics::counter!("consumer_dead_letters_total").increment(dead_letters.len() as u64);
        Some(())
    }
}

fn dead_letters(batch: &Batch, stored: &[Refused], indexed: &[Refused]) -> Vec<DeadLetter> {
    let now = Timestamp::now();
    let by_store = stored.iter().map(|refused| ("store", refused));
    let by_index = indexed.iter().map(|refused| ("index", refused));
    let invalid = |refused: &Refused| matches!(refused.reason, Refusal::Invalid(_));
    let refused = by_store.chain(by_index).filter(|(_, refused)| invalid(refused));
    let refused = refused.map(|(sink, refused)| {
        batch.dead_letter(refused.index, format!("{sink}: {}", refused.reason), now)
    });
    batch.unreadable().iter().cloned().chain(refused).collect()
}

/// Counts the entries of a finished batch and logs its traces.
#[expect(clippy::cast_precision_loss, reason = "a batch has fewer than 2^53 entries")]
fn record_metrics(batch: &Batch, stored: &[Refused]) {
    let entries = batch.entries().len();
    let count = |reason| stored.iter().filter(|refused| refused.reason == reason).count() as u64;
    metrics::counter!("consumer_expired_total").increment(count(Refusal::Expired));
    metrics::counter!("consumer_deleted_total").increment(count(Refusal::Deleted));
    metrics::counter!("consumer_entries_total").increment(entries as u64);
    metrics::histogram!("consumer_batch_entries").record(entries as f64);
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    for parent in batch.traces() {
        let (trace_id, parent_id) = (parent.trace_id(), parent.span_id());
        let span_id = parent.child().span_id();
        tracing::debug!(%trace_id, %span_id, %parent_id, "stored and indexed");
    }
}
