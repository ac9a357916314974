//! Runs the jobs, one after the other, in steps of at most a thousand entries.
//!
//! A step searches a page of entries and records those that the store has as pending, together with
//! their number. Then it removes them everywhere. After a restart, the pending entries are removed
//! again first, so that none is left out, and none is counted twice. A job has finished once a new
//! search finds nothing.

use std::collections::HashMap;
use std::time::Duration;

use shared::error::{Error, Result};
use shared::index::Snapshot;
use shared::query::Condition;
use shared::search::{SearchHits, SearchQuery, Sort};
use shared::store::DeleteJob;
use shared::{EntryId, LogEntry, Timestamp};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::Ports;
use crate::filters::SavedFilters;

/// The number of entries in a step.
const PAGE_ENTRIES: usize = 1000;

/// The pause between checks for jobs.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// The pause after an error.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// The pause before a search is repeated if it found only entries that have been deleted: the index
/// may take a second until it no longer finds them.
const REFRESH_PAUSE: Duration = Duration::from_secs(1);

/// The number of such searches in a row after which a job fails.
const MAX_STALE_SEARCHES: usize = 60;

/// How long the search of a finished job is repeated. The index may have received a request to add
/// an entry that timed out, and process it after the entry has been deleted.
const SWEEP_MICROS: i64 = 60 * 60 * 1_000_000;

/// The pause between these searches.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Runs the jobs. Only one worker should run at a time. If two do, none counts an entry twice.
pub struct Worker {
    ports: Ports,
    /// When the searches of finished jobs were last repeated.
    sweeps: HashMap<EntryId, Instant>,
}

/// How a pass over the hits of a job ended.
enum Pass {
    /// There were no hits.
    Empty,
    /// There were hits, and this number of them had not been deleted.
    Deleted(usize),
    /// The worker stops.
    Stopped,
}

impl Worker {
    /// A worker that has not started.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports, sweeps: HashMap::new() }
    }

    /// Runs jobs until `stop` is cancelled. A step in progress is completed.
    pub async fn run(mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.work(stop).await {
                Ok(true) => continue,
                Ok(false) => IDLE_PAUSE,
                Err(error) => {
                    metrics::counter!("delete_failures_total").increment(1);
                    tracing::warn!(%error, "deleting entries was interrupted; retrying");
                    RETRY_PAUSE
                }
            };
            stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    /// Runs the oldest job or, if there is none, repeats the searches of finished ones. Returns
    /// whether there was a job. While the index is being built, jobs wait.
    async fn work(&mut self, stop: &CancellationToken) -> Result<bool> {
        if self.ports.index.is_rebuilding() {
            return Ok(false);
        }
        let since = Timestamp::now().as_micros() - SWEEP_MICROS;
        let since = Timestamp::saturating_from_micros(since);
        let jobs = self.ports.jobs.active_since(since).await?;
        self.sweeps.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        if let Some(job) = jobs.iter().find(|job| job.finished.is_none()) {
            self.run_job(job.clone(), stop).await?;
            return Ok(true);
        }
        for job in jobs.iter().filter(|job| job.error.is_none()) {
            let last = self.sweeps.get(&job.id);
            if last.is_none_or(|last| last.elapsed() >= SWEEP_INTERVAL) && !stop.is_cancelled() {
                self.sweeps.insert(job.id, Instant::now());
                self.sweep(job).await?;
            }
        }
        Ok(false)
    }

    async fn run_job(&self, mut job: DeleteJob, stop: &CancellationToken) -> Result<()> {
        let condition = match condition(&job) {
            Ok(condition) => condition,
            Err(reason) => return self.finish(job, Some(reason)).await,
        };
        self.remove(&job.pending).await?;
        let mut stale_searches = 0;
        while stale_searches < MAX_STALE_SEARCHES {
            match self.pass(&mut job, &condition, stop).await {
                Ok(Pass::Empty) => return self.finish(job, None).await,
                Ok(Pass::Stopped) => return Ok(()),
                Ok(Pass::Deleted(0)) => {
                    stale_searches += 1;
                    stop.run_until_cancelled(sleep(REFRESH_PAUSE)).await;
                }
                Ok(Pass::Deleted(_)) => stale_searches = 0,
                Err(Error::Rejected { service: "index", source }) => {
                    return self.finish(job, Some(source.to_string())).await;
                }
                Err(error) => return Err(error),
            }
        }
        let reason = "the index still finds entries that have been deleted; rebuild it (reindex)";
        self.finish(job, Some(reason.to_owned())).await
    }

    /// Deletes all entries that the search finds now.
    async fn pass(
        &self,
        job: &mut DeleteJob,
        condition: &Condition,
        stop: &CancellationToken,
    ) -> Result<Pass> {
        let mut pages = Pages::open(&self.ports, condition).await?;
        let mut pass = Pass::Empty;
        while let Some(page) = pages.next().await? {
            if stop.is_cancelled() {
                return Ok(Pass::Stopped);
            }
            let new = self.delete_page(job, &page).await?;
            pass = match pass {
                Pass::Deleted(count) => Pass::Deleted(count + new),
                _ => Pass::Deleted(new),
            };
        }
        Ok(pass)
    }

    /// Deletes the entries of a page. Returns the number of those that had not been deleted.
    async fn delete_page(&self, job: &mut DeleteJob, page: &[LogEntry]) -> Result<usize> {
        let ids: Vec<EntryId> = page.iter().map(|entry| entry.id).collect();
        let stored = self.ports.store.lookup(&ids).await?;
        let is_new = |id: &EntryId| stored.get(id).is_some_and(|stored| !stored.is_deleted);
        let pending: Vec<EntryId> = ids.into_iter().filter(is_new).collect();
        if !pending.is_empty() {
            job.deleted += pending.len() as u64;
            job.pending.clone_from(&pending);
            self.save(job).await?;
        }
        self.ports.remove(&pending, &stored).await?;
        // An entry that the store does not have must not be found either.
        let missing = page.iter().filter(|entry| !stored.contains_key(&entry.id));
        self.ports.remove_from_index(missing.map(|entry| (entry.id, &entry.retention))).await?;
        Ok(pending.len())
    }

    async fn remove(&self, ids: &[EntryId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let stored = self.ports.store.lookup(ids).await?;
        self.ports.remove(ids, &stored).await
    }

    /// Records that the job has finished, or why it has failed.
    async fn finish(&self, mut job: DeleteJob, error: Option<String>) -> Result<()> {
        job.pending.clear();
        job.finished = Some(Timestamp::now());
        job.error = error;
        self.save(&mut job).await?;
        let DeleteJob { id, client, filters, deleted, error, .. } = &job;
        let state = if error.is_some() { "failed" } else { "finished" };
        metrics::counter!("delete_jobs_total", "state" => state).increment(1);
        match error {
            None => {
                tracing::info!(%client, filters, deleted, job = %id, "deleted entries by query");
            }
            Some(error) => {
                tracing::error!(%client, filters, deleted, job = %id, error, "a deletion failed");
            }
        }
        Ok(())
    }

    async fn save(&self, job: &mut DeleteJob) -> Result<()> {
        if self.ports.jobs.save(job).await? {
            return Ok(());
        }
        Err(Error::unavailable("store", "another worker has continued the job"))
    }

    /// Removes entries from the index that have been deleted.
    async fn sweep(&self, job: &DeleteJob) -> Result<()> {
        let Ok(condition) = condition(job) else { return Ok(()) };
        let mut pages = Pages::open(&self.ports, &condition).await?;
        while let Some(page) = pages.next().await? {
            let ids: Vec<EntryId> = page.iter().map(|entry| entry.id).collect();
            let stored = self.ports.store.lookup(&ids).await?;
            let deleted = stored.iter().filter(|(_, stored)| stored.is_deleted);
            self.ports.remove_from_index(deleted.map(|(id, stored)| (*id, &stored.class))).await?;
        }
        Ok(())
    }
}

/// The condition of the job, or why there is none.
fn condition(job: &DeleteJob) -> std::result::Result<Condition, String> {
    let filters = SavedFilters::from_json(&job.filters);
    let filters = filters.map_err(|error| format!("the filters are invalid: {error}"))?;
    filters.condition(job.created).map_err(|error| error.to_string())
}

/// The pages of a search, in one view of the index, so that no entry is on two of them.
struct Pages {
    snapshot: Box<dyn Snapshot>,
    /// `None` after the last page.
    query: Option<SearchQuery>,
}

impl Pages {
    async fn open(ports: &Ports, condition: &Condition) -> Result<Self> {
        let snapshot = ports.index.snapshot().await?;
        let query = SearchQuery::new(condition.clone(), PAGE_ENTRIES);
        Ok(Self { snapshot, query: Some(SearchQuery { sort: Sort::Oldest, ..query }) })
    }

    /// The next page; `None` after the last one.
    async fn next(&mut self) -> Result<Option<Vec<LogEntry>>> {
        let Some(query) = self.query.take() else { return Ok(None) };
        let page = self.snapshot.search(&query).await?;
        let SearchHits { entries, next_cursor, is_rebuilding, .. } = page;
        if is_rebuilding {
            return Err(Error::unavailable("index", "the index is being built"));
        }
        if next_cursor.is_some() {
            self.query = Some(SearchQuery { cursor: next_cursor, ..query });
        }
        Ok((!entries.is_empty()).then_some(entries))
    }
}
