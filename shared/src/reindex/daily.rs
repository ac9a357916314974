//! Rebuilds the daily indexes of a cluster from the store, one at a time, while consumers write to
//! them. Each class has an index a day.
//!
//! A day's new index is filled with the entries in the store, then with those that were stored in
//! the meantime, and replaces the current index in one step. No entry is missing afterwards,
//! because consumers store an entry before they index it:
//!
//! * Consumers write to the name of the day's index. If OpenSearch receives an entry before the
//!   replacement, the entry was already in the store. After the replacement, the store is read once
//!   more, and the entries still missing from the new index are added.
//! * After the replacement, entries go to the new index. If a request fails because the previous
//!   index is being deleted, the consumer repeats it, so its entries go to the new index, too.
//!
//! No entry is duplicated, because its id is the id of its document, the first write wins, and
//! searches find only one of the two indexes.
//!
//! A rebuild may be interrupted at any point. [`OpenSearchIndex::interrupted_rebuilds`] finds the
//! indexes that it left behind: a new index that has not replaced the previous one is deleted, and
//! any other one is completed. Only one rebuild should run at a time. If two do, the second deletes
//! the new index of the first, so that the first cannot replace the current index.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{Instrument, info_span};

use super::report::Report;
use super::{MAX_PAGE_ENTRIES, RETRY_PAUSE, Target, add, log_retry, remove_deleted};
use crate::error::{Error, Refused, Result};
use crate::index::opensearch::{DayRebuild, OpenSearchIndex};
use crate::log_entry::{Day, EntryId, LogEntry, Timestamp};
use crate::retention::{Class, Part};
use crate::store::{IdRange, Store};

/// Once a pass takes less than this, the new index replaces the current one. Searches do not find
/// entries that arrive between that pass and the replacement until the next pass adds them.
const LAST_PASS_TIME: Duration = Duration::from_millis(200);

/// The number of passes after which the new index replaces the current one, however long the last
/// pass took.
const MAX_PASSES: usize = 20;

/// The number of failures of unknown cause after which a page is split to isolate the entries that
/// cause them.
const MAX_FAILURES: u32 = 10;

/// The usual maximum difference between the times in the ids of entries that are stored at the same
/// time. Entries with older ids are added, too, but later.
const USUAL_DELAY_MICROS: i64 = 60_000_000;

/// Deletes or completes the indexes that interrupted rebuilds of any day left behind, then rebuilds
/// the indexes of the days on which the entries in the range arrived. The indexes of days without
/// entries are left unchanged.
///
/// It is safe to drop the returned future at any point.
///
/// # Errors
/// When the index or the store fails for an unknown reason, OpenSearch refuses a request, or a new
/// index is deleted before it is complete. While the index or the store is unavailable, requests to
/// it are retried.
pub async fn rebuild_days(
    store: &dyn Store,
    index: &OpenSearchIndex,
    range: IdRange,
) -> Result<()> {
    let mut rebuilds = Rebuilds { store, index, report: Report::default() };
    let mut days = 0;
    let classes = retrying(async || store.classes().await).await?;
    for interrupted in retrying(async || index.interrupted_rebuilds(&classes).await).await? {
        let span = info_span!("reindex", day = %interrupted.part());
        rebuilds.finish(interrupted).instrument(span).await?;
    }
    for class in classes {
        let mut rest = range;
        while let Some(day) = rebuilds.first_day(&class, rest).await? {
            let part = Part { day, class: class.clone() };
            let span = info_span!("reindex", day = %part);
            rebuilds.rebuild(part).instrument(span).await?;
            days += 1;
            rest.after = EntryId::last_before(day.end());
        }
    }
    tracing::info!(days, entries = rebuilds.report.entries, "the indexes are complete");
    Ok(())
}

/// The store, the index that is built from it, and the progress.
struct Rebuilds<'a> {
    store: &'a dyn Store,
    index: &'a OpenSearchIndex,
    report: Report,
}

impl Rebuilds<'_> {
    /// The day of the first entry of the class in the range.
    async fn first_day(&self, class: &Class, range: IdRange) -> Result<Option<Day>> {
        let page = retrying(async || self.store.scan(class, range, 1).await).await?;
        Ok(page.entries.first().map(|entry| Day::of(entry.id)))
    }

    async fn rebuild(&mut self, part: Part) -> Result<()> {
        tracing::info!("building the index of the day from the store");
        let range = IdRange::of_day(part.day);
        let mut rebuild = retrying(async || self.index.start_rebuild(part.clone()).await).await?;
        self.add_missing(&mut rebuild, range).await?;
        let mut position = self.catch_up(&mut rebuild).await?;
        for _ in 0..MAX_PASSES {
            let started = Instant::now();
            position = self.add_missing(&mut rebuild, rest(range, position)).await?.or(position);
            if started.elapsed() < LAST_PASS_TIME {
                break;
            }
        }
        step(&mut rebuild, async |rebuild| rebuild.replace().await).await?;
        // Add the most recent entries first, because new entries are the likeliest to be missing.
        let just_before = position.and_then(|id| {
            let micros = id.time().as_micros() - USUAL_DELAY_MICROS;
            EntryId::last_before(Timestamp::saturating_from_micros(micros))
        });
        self.add_missing(&mut rebuild, rest(range, just_before)).await?;
        self.finish(rebuild).await
    }

    /// Completes a rebuild after the new index has replaced the previous one.
    async fn finish(&mut self, mut rebuild: DayRebuild) -> Result<()> {
        self.catch_up(&mut rebuild).await?;
        step(&mut rebuild, async |rebuild| rebuild.complete().await).await?;
        tracing::info!(entries = self.report.entries, "the index of the day is complete");
        Ok(())
    }

    /// Adds all entries of the day still missing from the index. Returns the id of the last one in
    /// the store.
    async fn catch_up(&mut self, rebuild: &mut DayRebuild) -> Result<Option<EntryId>> {
        let Part { day, class } = rebuild.part().clone();
        let range = IdRange::of_day(day);
        // Every entry in the index is in the store, and the store is counted later. If both counts
        // are equal, the index therefore lacks no entry.
        let indexed = step(rebuild, async |rebuild| rebuild.count().await).await?;
        let stored = retrying(async || self.store.count(&class, range).await).await?;
        // An entry that has been deleted from the store may still be in the index, in place of one that
        // the index lacks.
        if indexed == stored
            && retrying(async || self.store.deleted(&class, range, 1).await).await?.is_empty()
        {
            return retrying(async || self.store.last(&class, range).await).await;
        }
        self.add_missing(rebuild, range).await
    }

    /// Adds the entries in the range still missing from the index, and removes those that have been
    /// deleted. Returns the id of the last entry that the store contained in the range at the start.
    async fn add_missing(
        &mut self,
        rebuild: &mut DayRebuild,
        range: IdRange,
    ) -> Result<Option<EntryId>> {
        let class = rebuild.part().class.clone();
        let mut rest = range;
        let Some(until) = retrying(async || self.store.last(&class, range).await).await? else {
            self.remove_deleted(rebuild, rest).await?;
            return Ok(None);
        };
        loop {
            let range = IdRange { until: Some(until), ..rest };
            let page =
                retrying(async || self.store.scan(&class, range, MAX_PAGE_ENTRIES).await).await?;
            let entries = page.entries;
            let Some(last) = entries.last().map(|entry| entry.id) else {
                self.remove_deleted(rebuild, rest).await?;
                return Ok(Some(until));
            };
            let missing =
                step(rebuild, async |rebuild| rebuild.missing(entries.clone()).await).await?;
            self.add_page(rebuild, &missing).await?;
            self.remove_deleted(rebuild, IdRange { until: Some(last), ..rest }).await?;
            self.report.add(missing.len(), last, until);
            rest = rest.after(last);
        }
    }

    /// Removes the entries in the range that have been deleted from the store.
    async fn remove_deleted(&self, rebuild: &mut DayRebuild, range: IdRange) -> Result<()> {
        let class = rebuild.part().class.clone();
        step(rebuild, async |rebuild| remove_deleted(self.store, rebuild, &class, range).await)
            .await
    }

    /// Adds entries. Those that keep failing for an unknown reason are logged and skipped, provided
    /// that the new index contains others.
    async fn add_page(&self, rebuild: &mut DayRebuild, entries: &[LogEntry]) -> Result<()> {
        let mut failures = 0;
        let mut failed = Vec::new();
        let mut parts = vec![entries];
        while let Some(part) = parts.pop() {
            match step(rebuild, async |rebuild| add(rebuild, part).await).await {
                Ok(()) => {}
                Err(error @ Error::Failed { .. }) if failures < MAX_FAILURES => {
                    log_retry(&error);
                    failures += 1;
                    parts.push(part);
                    sleep(RETRY_PAUSE).await;
                }
                Err(Error::Failed { .. }) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error @ Error::Failed { .. }) => failed.push((part[0].id, error)),
                Err(error) => return Err(error),
            }
        }
        let is_empty =
            !failed.is_empty() && step(rebuild, async |rebuild| rebuild.count().await).await? == 0;
        for (id, error) in failed {
            if is_empty {
                return Err(error);
            }
            tracing::error!(%id, %error, "an entry cannot be indexed");
        }
        Ok(())
    }
}

/// The rest of the range after `id`; the whole range if `id` is `None`.
fn rest(range: IdRange, id: Option<EntryId>) -> IdRange {
    IdRange { after: id.max(range.after), ..range }
}

impl Target for &mut DayRebuild {
    fn add(&mut self, entries: &[LogEntry]) -> impl Future<Output = Result<Vec<Refused>>> + Send {
        DayRebuild::add(self, entries)
    }

    fn delete(
        &mut self,
        _class: &Class,
        ids: &[EntryId],
    ) -> impl Future<Output = Result<()>> + Send {
        DayRebuild::delete(self, ids)
    }
}

/// Repeats a step of a rebuild while the service is unavailable, unless the new index has been
/// deleted.
async fn step<T>(
    rebuild: &mut DayRebuild,
    mut attempt: impl AsyncFnMut(&mut DayRebuild) -> Result<T>,
) -> Result<T> {
    retrying(async || {
        let result = attempt(rebuild).await;
        let is_unavailable = matches!(result, Err(Error::Unavailable { .. }));
        if is_unavailable && rebuild.is_deleted().await.unwrap_or(false) {
            return Err(rebuild.deleted_error());
        }
        result
    })
    .await
}

/// Repeats `attempt` while the service is unavailable.
async fn retrying<T>(mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    loop {
        match attempt().await {
            Err(error @ Error::Unavailable { .. }) => log_retry(&error),
            result => return result,
        }
        sleep(RETRY_PAUSE).await;
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
