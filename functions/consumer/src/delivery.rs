//! Delivers entries to a sink until the sink has accepted or permanently refused each of them.
//! Retries while the sink is unavailable. A bad entry delays its batch, but does not block the
//! queue.

use std::collections::VecDeque;
use std::ops::Range;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::LogEntry;
use shared::error::{Error, Refusal, Refused, Result};
use shared::index::Index;
use shared::retention::Part;
use shared::store::Store;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::retry::{self, backoff, retry_while_unavailable};
use crate::withdrawal::withdraw_deleted;

/// The number of failures after which an entry may be refused. Only errors that either the entry or
/// the sink may have caused are counted.
const MAX_FAILURES: u32 = 10;

/// A destination for entries.
pub(crate) enum Sink {
    Store(Arc<dyn Store>),
    /// The index, and the store that has its entries.
    Index(Arc<dyn Index>, Arc<dyn Store>),
}

/// Delivers entries to one sink.
pub(crate) struct Delivery {
    sink: Sink,
    /// An entry that the sink accepted recently. If the sink accepts it again, the sink is healthy,
    /// so an entry that keeps failing must itself be the cause.
    last_accepted: Mutex<Option<LogEntry>>,
}

/// Entries that are written together, and how often writing them has failed.
struct Chunk {
    range: Range<usize>,
    failures: u32,
}

impl Sink {
    fn name(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Index(..) => "index",
        }
    }

    async fn write(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        match self {
            Self::Store(store) => store.insert(entries).await,
            Self::Index(index, _) => index.add(entries).await,
        }
    }

    /// Whether an accepted entry may be written again. The index would accept one that has been
    /// deleted or dropped since.
    async fn may_rewrite(&self, entry: &LogEntry) -> Result<bool> {
        let Self::Index(_, store) = self else { return Ok(true) };
        let stored = store.lookup(&[entry.id]).await?;
        Ok(stored.get(&entry.id).is_some_and(|stored| !stored.is_deleted))
    }

    /// Writes an accepted entry again. Returns whether the sink accepts it.
    async fn accepts_again(&self, entry: &LogEntry, shutdown: &CancellationToken) -> bool {
        let entry = slice::from_ref(entry);
        let written = self.write(entry).await;
        if let Self::Index(index, store) = self {
            // The entry may have been deleted in the meantime.
            let withdraw = || withdraw_deleted(&**store, &**index, entry);
            if retry::until_success("withdrawal", shutdown, withdraw).await.is_none() {
                return false;
            }
        }
        let is_invalid = |refused: &Refused| matches!(refused.reason, Refusal::Invalid(_));
        written.is_ok_and(|refused| !refused.iter().any(is_invalid))
    }
}

impl Delivery {
    pub(crate) fn to(sink: Sink) -> Self {
        Self { sink, last_accepted: Mutex::default() }
    }

    /// Delivers the entries, and returns those that the sink permanently refuses. Returns `None` if
    /// the process shuts down while the sink is failing.
    ///
    /// A batch that fails as a whole is halved until the bad entry is found: immediately if the
    /// sink rejects it, otherwise after [`MAX_FAILURES`] attempts. A single entry that keeps
    /// failing is refused only if the sink accepts another entry of the same class and day.
    pub(crate) async fn deliver(
        &self,
        entries: &[LogEntry],
        shutdown: &CancellationToken,
    ) -> Option<Vec<Refused>> {
        if entries.is_empty() {
            return Some(Vec::new());
        }
        let started = Instant::now();
        let sink = self.sink.name();
        let mut refused = Vec::new();
        let mut pauses = backoff();
        let mut chunks = VecDeque::from([Chunk { range: 0..entries.len(), failures: 0 }]);
        while let Some(Chunk { range, failures }) = chunks.pop_back() {
            let write = || self.sink.write(&entries[range.clone()]);
            let error = match retry_while_unavailable(sink, shutdown, write).await? {
                Ok(newly_refused) => {
                    self.update_last_accepted(&entries[range.clone()], &newly_refused);
                    let shifted =
                        newly_refused.into_iter().map(|entry| entry.shifted_by(range.start));
                    refused.extend(shifted);
                    pauses = backoff();
                    continue;
                }
                Err(error) => error,
            };
            let is_rejected = matches!(error, Error::Rejected { .. });
            let failures = failures + u32::from(!is_rejected);
            if (is_rejected || failures >= MAX_FAILURES) && range.len() > 1 {
                let middle = range.start.midpoint(range.end);
                chunks.push_back(Chunk { range: middle..range.end, failures });
                chunks.push_back(Chunk { range: range.start..middle, failures });
            } else if is_rejected
                || (failures >= MAX_FAILURES
                    && self.is_healthy_for(&entries[range.start], shutdown).await)
            {
                refused.push(Refused::invalid(range.start, error.to_string()));
            } else if shutdown.is_cancelled() {
                return None;
            } else {
                retry::log(sink, &error);
                retry::pause(&mut pauses, shutdown).await;
                // Try the other chunks first, because one of them may prove that the sink is
                // healthy.
                chunks.push_front(Chunk { range, failures });
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        metrics::histogram!("consumer_delivery_seconds", "sink" => sink).record(seconds);
        Some(refused)
    }

    fn update_last_accepted(&self, entries: &[LogEntry], refused: &[Refused]) {
        let is_accepted = |index: &usize| refused.iter().all(|refused| refused.index != *index);
        if let Some(index) = (0..entries.len()).find(is_accepted) {
            *self.last_accepted() = Some(entries[index].clone());
        }
    }

    /// Whether the last accepted entry is of the same class and day and the sink accepts it again.
    /// Another entry proves nothing, because a sink stores each day of a class separately, and may
    /// be unable to write to one of them.
    async fn is_healthy_for(&self, entry: &LogEntry, shutdown: &CancellationToken) -> bool {
        let last_accepted = self.last_accepted().clone();
        let Some(probe) = last_accepted.filter(|last| Part::of(last) == Part::of(entry)) else {
            return false;
        };
        match self.sink.may_rewrite(&probe).await {
            Ok(true) => self.sink.accepts_again(&probe, shutdown).await,
            Ok(false) => {
                self.last_accepted().take_if(|last| last.id == probe.id);
                false
            }
            Err(_) => false,
        }
    }

    fn last_accepted(&self) -> MutexGuard<'_, Option<LogEntry>> {
        self.last_accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use async_trait::async_trait;
    use shared::index::Snapshot;
    use shared::log_entry::Day;
    use shared::retention::{Class, Keep};
    use shared::search::{SearchHits, SearchQuery};
    use shared::store::{IdRange, ScanPage, Stored, StoredDay};
    use shared::testing::{Broken, EntryBuilder, entries};
    use shared::{Arrival, EntryId, Ready, Timestamp};
    use tokio::time::{Duration, timeout};

    use super::*;

    /// A store and an index that fail to add the message "bad", and any message while `is_broken`.
    #[derive(Default)]
    struct FailingStore {
        is_broken: Mutex<bool>,
        accepted: Mutex<Vec<String>>,
        /// Whether all entries have been deleted from the store.
        is_deleted: Mutex<bool>,
        /// Whether all entries are deleted from the store while the index adds "good".
        is_deleted_by_add: bool,
        /// How often the index refuses to delete.
        failing_deletes: Mutex<u32>,
    }

    #[async_trait]
    impl Ready for FailingStore {
        async fn ready(&self) -> Result<()> {
            Ok(())
        }
    }

    #[async_trait]
    impl Store for FailingStore {
        async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
            let is_bad = |entry: &LogEntry| entry.message == "bad";
            if *self.is_broken.lock().unwrap() || entries.iter().any(is_bad) {
                return Err(Error::failed("store", "some error"));
            }
            let messages = entries.iter().map(|entry| entry.message.clone());
            self.accepted.lock().unwrap().extend(messages);
            Ok(Vec::new())
        }

        async fn get(&self, _: EntryId) -> Result<Option<LogEntry>> {
            Ok(None)
        }

        async fn classes(&self) -> Result<Vec<Class>> {
            Ok(Vec::new())
        }

        async fn scan(&self, _: &Class, _: IdRange, _: usize) -> Result<ScanPage> {
            Ok(ScanPage::default())
        }

        async fn count(&self, _: &Class, _: IdRange) -> Result<u64> {
            Ok(0)
        }

        async fn last(&self, _: &Class, _: IdRange) -> Result<Option<EntryId>> {
            Ok(None)
        }

        async fn delete(&self, _: &[EntryId]) -> Result<u64> {
            Ok(0)
        }

        async fn lookup(&self, ids: &[EntryId]) -> Result<BTreeMap<EntryId, Stored>> {
            let is_deleted = *self.is_deleted.lock().unwrap();
            let stored = |id: &EntryId| (*id, Stored { class: Class::DEFAULT, is_deleted });
            Ok(ids.iter().map(stored).collect())
        }

        async fn deleted(&self, _: &Class, _: IdRange, _: usize) -> Result<Vec<EntryId>> {
            Ok(Vec::new())
        }

        async fn deletions(&self) -> Result<u64> {
            Ok(0)
        }

        async fn default_keep(&self) -> Result<Keep> {
            Ok(Keep::Forever)
        }

        async fn days(&self) -> Result<Vec<StoredDay>> {
            Ok(Vec::new())
        }

        async fn first_days(&self) -> Result<BTreeMap<Class, Day>> {
            Ok(BTreeMap::new())
        }

        async fn dropped(&self, _: Day) -> Result<Option<Class>> {
            Ok(None)
        }

        async fn drop_before(&self, _: &Class, _: Day) -> Result<()> {
            Ok(())
        }
    }

    #[async_trait]
    impl Index for FailingStore {
        async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
            let is_good = entries[0].message == "good";
            *self.is_deleted.lock().unwrap() |= self.is_deleted_by_add && is_good;
            self.insert(entries).await
        }

        async fn delete(&self, _: &Class, _: &[EntryId]) -> Result<()> {
            let mut failing = self.failing_deletes.lock().unwrap();
            if *failing > 0 {
                *failing -= 1;
                return Err(Error::unavailable("index", "some error"));
            }
            self.accepted.lock().unwrap().clear();
            Ok(())
        }

        async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
            Broken.search(query).await
        }

        async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
            Broken.snapshot().await
        }

        async fn days(&self, class: &Class) -> Result<BTreeSet<Day>> {
            Index::days(&Broken, class).await
        }

        async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
            Index::drop_before(&Broken, class, first).await
        }
    }

    fn delivery() -> (Arc<FailingStore>, Delivery) {
        let store = Arc::new(FailingStore::default());
        (Arc::clone(&store), Delivery::to(Sink::Store(store)))
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_fails_ten_times_is_refused_and_the_others_are_accepted() {
        let (store, delivery) = delivery();
        let batch = entries(["bad", "a", "b", "c", "bad", "d"]);
        let refused = delivery.deliver(&batch, &CancellationToken::new()).await.unwrap();
        let mut indexes: Vec<usize> = refused.iter().map(|refused| refused.index).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, [0, 4]);
        assert!(refused[0].reason.to_string().contains("some error"), "{refused:?}");
        let mut accepted = store.accepted.lock().unwrap().clone();
        accepted.sort_unstable();
        accepted.dedup();
        assert_eq!(accepted, ["a", "b", "c", "d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_bad_entry_is_refused_if_the_sink_has_accepted_another() {
        let (_, delivery) = delivery();
        let shutdown = CancellationToken::new();
        delivery.deliver(&entries(["good"]), &shutdown).await.unwrap();
        let refused = delivery.deliver(&entries(["bad"]), &shutdown).await.unwrap();
        assert_eq!(refused.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_accepted_entry_from_another_day_proves_nothing() {
        let (_, delivery) = delivery();
        let shutdown = CancellationToken::new();
        let yesterday =
            Timestamp::from_micros(Timestamp::now().as_micros() - Timestamp::MICROS_PER_DAY)
                .unwrap();
        let good = EntryBuilder::new("good").arrival(&Arrival::new(yesterday), 0).build();
        delivery.deliver(&[good], &shutdown).await.unwrap();
        let bad = entries(["bad"]);
        let delivering = delivery.deliver(&bad, &shutdown);
        assert!(
            timeout(Duration::from_hours(2), delivering).await.is_err(),
            "an entry was refused"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_entry_is_refused_while_every_entry_fails() {
        let (store, delivery) = delivery();
        let shutdown = CancellationToken::new();
        delivery.deliver(&entries(["before"]), &shutdown).await.unwrap();
        *store.is_broken.lock().unwrap() = true;
        let batch = entries(["a", "b", "c"]);
        {
            let mut delivering = Box::pin(delivery.deliver(&batch, &shutdown));
            let long = Duration::from_hours(2);
            assert!(timeout(long, &mut delivering).await.is_err(), "an entry was refused");
            *store.is_broken.lock().unwrap() = false;
            assert_eq!(delivering.await.unwrap(), []);
        }
        let accepted = store.accepted.lock().unwrap().clone();
        let is_accepted = |message: &str| accepted.iter().any(|accepted| accepted == message);
        assert!(["a", "b", "c"].into_iter().all(is_accepted), "{accepted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_entry_is_not_written_again() {
        let services = Arc::new(FailingStore::default());
        let delivery = Delivery::to(Sink::Index(services.clone(), services.clone()));
        let shutdown = CancellationToken::new();
        delivery.deliver(&entries(["good"]), &shutdown).await.unwrap();
        *services.is_deleted.lock().unwrap() = true;
        services.accepted.lock().unwrap().clear();
        let bad = entries(["bad"]);
        let delivering = delivery.deliver(&bad, &shutdown);
        let long = Duration::from_hours(2);
        assert!(timeout(long, delivering).await.is_err(), "an entry was refused");
        assert!(services.accepted.lock().unwrap().is_empty());
        assert!(delivery.last_accepted().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_is_deleted_while_it_is_written_again_is_removed() {
        let services = Arc::new(FailingStore {
            is_deleted_by_add: true,
            failing_deletes: Mutex::new(3),
            ..FailingStore::default()
        });
        let delivery = Delivery::to(Sink::Index(services.clone(), services.clone()));
        let shutdown = CancellationToken::new();
        delivery.deliver(&entries(["good"]), &shutdown).await.unwrap();
        *services.is_deleted.lock().unwrap() = false;
        let bad = entries(["bad"]);
        let delivering = delivery.deliver(&bad, &shutdown);
        let refused = timeout(Duration::from_hours(2), delivering).await.unwrap().unwrap();
        assert_eq!(refused.len(), 1);
        assert!(services.accepted.lock().unwrap().is_empty());
        assert_eq!(*services.failing_deletes.lock().unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_stops_the_retries_while_a_sink_is_failing() {
        let (store, delivery) = delivery();
        *store.is_broken.lock().unwrap() = true;
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        assert!(delivery.deliver(&entries(["a"]), &shutdown).await.is_none());
    }
}
