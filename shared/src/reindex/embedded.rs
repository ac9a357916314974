//! Builds the embedded index from the store: at startup if the index is missing, damaged or in an
//! older format, and on request while the current index keeps serving searches.
//!
//! A rebuild starts without the entries up to `until`, the last id in the store when it began. They
//! are added in id order, and the position is durable, so that a restart resumes there. Entries
//! that arrive in the meantime are added as usual. If such an entry has an id up to `until`, the
//! store may already contain that id with different content. The first write wins, so the stored
//! entry is indexed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::RwLock;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::report::Report;
use super::{MAX_PAGE_ENTRIES, RETRY_PAUSE, Target, add, log_retry, remove_deleted};
use crate::error::{Error, Ready, Refused, Result};
use crate::index::embedded::{Cause, EmbeddedIndex, Progress, Rebuild};
use crate::index::{Index, Snapshot};
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::retention::Class;
use crate::search::{SearchHits, SearchQuery};
use crate::store::{IdRange, Store};

/// The pause between checks for a requested rebuild.
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);

/// The embedded index, and the store that it is built from.
pub struct DerivedIndex {
    store: Arc<dyn Store>,
    index: EmbeddedIndex,
}

impl DerivedIndex {
    /// Opens the index at this URL. If it must be built from the store, [`run`](Self::run) does so.
    ///
    /// # Errors
    /// When [`EmbeddedIndex::open`] fails, or the store is needed but does not respond.
    pub async fn open(url: &Url, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let last = async |cause: &Cause| {
            let last = last_id(&*store).await?;
            if last.is_some() {
                tracing::warn!(%cause, "building the index from the store");
            }
            Ok(last)
        };
        let index = EmbeddedIndex::open(url, last).await?;
        Ok(Self { store, index })
    }

    /// Completes the rebuild in progress and all requested ones, until `stop` is cancelled.
    ///
    /// The consumer holds a read lock on `batches` while it writes a batch to the store and the
    /// index.
    pub async fn run(&self, batches: &RwLock<()>, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Some(rebuild) = self.index.rebuild() {
                self.finish(&rebuild, stop).await;
            }
            if self.index.is_rebuild_requested() {
                self.start(batches, stop).await;
            } else {
                pause(REQUEST_INTERVAL, stop).await;
            }
        }
    }

    /// Starts the requested rebuild.
    async fn start(&self, batches: &RwLock<()>, stop: &CancellationToken) {
        // Otherwise, a batch could be stored after the last id has been read and be indexed before
        // the rebuild starts. The rebuild would then lack the entries of the batch.
        let _no_batch = tokio::select! {
            guard = batches.write() => guard,
            () = stop.cancelled() => return,
        };
        let started = match last_id(&*self.store).await {
            Ok(last) => self.index.start(last).await,
            Err(error) => Err(error),
        };
        match started {
            Ok(()) => tracing::info!("rebuilding the index from the store, as requested"),
            Err(error) => {
                tracing::warn!(%error, "failed to start the requested index rebuild; retrying");
                pause(RETRY_PAUSE, stop).await;
            }
        }
    }

    /// Adds the entries that the rebuild lacks, then completes it. Returns early if the rebuild is
    /// abandoned or `stop` is cancelled.
    async fn finish(&self, rebuild: &Rebuild, stop: &CancellationToken) {
        if let Some(Progress { after: Some(after), .. }) = rebuild.progress() {
            tracing::info!(after = %after.time(), "resuming the rebuild of the index");
        }
        let mut report = Report::default();
        while let Some(progress) = rebuild.progress()
            && !stop.is_cancelled()
        {
            let Progress { ref class, after, until } = progress;
            let range = IdRange { after, until: Some(until) };
            let page = match self.store.scan(class, range, MAX_PAGE_ENTRIES).await {
                Ok(page) => page,
                Err(error) => {
                    retry(&error, stop).await;
                    continue;
                }
            };
            match self.add_page(rebuild, progress, &page.entries).await {
                Ok(()) => {
                    if let Some(last) = page.entries.last() {
                        report.add(page.entries.len(), last.id, until);
                    } else if rebuild.progress().is_none() {
                        tracing::info!(entries = report.entries, "the index is complete");
                    }
                }
                Err(error) => {
                    if self.index.abandon(rebuild, &error).await.is_err() {
                        retry(&error, stop).await;
                    }
                }
            }
        }
    }

    /// Adds the next entries of a class to the rebuild. If there are none, goes on to the next
    /// class, or completes the rebuild if there is none.
    async fn add_page(
        &self,
        rebuild: &Rebuild,
        Progress { class, after, until }: Progress,
        entries: &[LogEntry],
    ) -> Result<()> {
        let last = entries.last().map(|entry| entry.id);
        if last.is_some() {
            add(rebuild, entries).await?;
        }
        let range = IdRange { after, until: last.or(Some(until)) };
        remove_deleted(&*self.store, rebuild, &class, range).await?;
        if last.is_some() {
            return rebuild.advance(class, last).await;
        }
        let classes = self.store.classes().await?;
        match classes.into_iter().filter(|other| *other > class).min() {
            Some(next) => rebuild.advance(next, None).await,
            None => self.index.complete(rebuild).await,
        }
    }

    /// Returns the entries as the store contains them: with the same id, it may have other content.
    async fn as_stored(&self, entries: &[LogEntry], until: EntryId) -> Result<Vec<LogEntry>> {
        let mut stored = entries.to_vec();
        for entry in stored.iter_mut().filter(|entry| entry.id <= until) {
            match self.store.get(entry.id).await {
                Ok(Some(first)) => *entry = first,
                // The entry is not in the store, or its row is damaged, which the rebuild skips. Or it
                // has been deleted; then the consumer removes it again.
                Ok(None) | Err(Error::Rejected { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(stored)
    }
}

/// The greatest id in the store.
async fn last_id(store: &dyn Store) -> Result<Option<EntryId>> {
    let mut last = None;
    for class in store.classes().await? {
        last = last.max(store.last(&class, IdRange::ALL).await?);
    }
    Ok(last)
}

#[async_trait]
impl Ready for DerivedIndex {
    async fn ready(&self) -> Result<()> {
        self.index.ready().await
    }

    fn is_rebuilding(&self) -> bool {
        self.index.is_rebuilding()
    }
}

#[async_trait]
impl Index for DerivedIndex {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        match self.index.rebuild().and_then(|rebuild| rebuild.progress()) {
            Some(Progress { until, .. }) => {
                self.index.add(&self.as_stored(entries, until).await?).await
            }
            None => self.index.add(entries).await,
        }
    }

    async fn delete(&self, class: &Class, ids: &[EntryId]) -> Result<()> {
        self.index.delete(class, ids).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        self.index.search(query).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        self.index.snapshot().await
    }

    async fn days(&self, class: &Class) -> Result<BTreeSet<Day>> {
        self.index.days(class).await
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        self.index.drop_before(class, first).await
    }
}

impl Target for &Rebuild {
    fn add(&mut self, entries: &[LogEntry]) -> impl Future<Output = Result<Vec<Refused>>> + Send {
        Rebuild::add(self, entries)
    }

    fn delete(
        &mut self,
        class: &Class,
        ids: &[EntryId],
    ) -> impl Future<Output = Result<()>> + Send {
        Rebuild::delete(self, class, ids)
    }
}

async fn retry(error: &Error, stop: &CancellationToken) {
    log_retry(error);
    pause(RETRY_PAUSE, stop).await;
}

async fn pause(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = sleep(time) => {}
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
