//! Gives entries to a sink until it has taken each of them, or will never take it.
//! A sink that is away is waited for; one bad entry costs its batch some time, and nothing else.

use std::collections::VecDeque;
use std::ops::Range;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::LogEntry;
use shared::error::{Error, Refused, Result};
use shared::index::Index;
use shared::store::Store;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::retry::{self, backoff, until_answered};

/// So often may an entry fail for a reason that may be its own or the sink's.
const MAX_FAILURES: u32 = 10;

/// Where entries go.
pub(crate) enum Sink {
    Store(Arc<dyn Store>),
    Index(Arc<dyn Index>),
}

/// What goes to a sink.
pub(crate) struct Delivery {
    sink: Sink,
    /// An entry that the sink has taken: it takes it again, unless it is out of order itself.
    witness: Mutex<Option<LogEntry>>,
}

/// Entries that are given together, and how often they failed.
struct Part {
    range: Range<usize>,
    failures: u32,
}

impl Sink {
    fn name(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Index(_) => "index",
        }
    }

    async fn write(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        match self {
            Self::Store(store) => store.insert(entries).await,
            Self::Index(index) => index.add(entries).await,
        }
    }
}

impl Delivery {
    pub(crate) fn to(sink: Sink) -> Self {
        Self { sink, witness: Mutex::default() }
    }

    /// Gives the entries to the sink; answers which it will never take. `None`: it is away, and
    /// shutdown has come.
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
        let mut parts = VecDeque::from([Part { range: 0..entries.len(), failures: 0 }]);
        while let Some(Part { range, failures }) = parts.pop_back() {
            let write = || self.sink.write(&entries[range.clone()]);
            let error = match until_answered(sink, shutdown, write).await? {
                Ok(not_taken) => {
                    self.remember_one_of(&entries[range.clone()], &not_taken);
                    refused.extend(not_taken.into_iter().map(|one| one.shifted_by(range.start)));
                    pauses = backoff();
                    continue;
                }
                Err(error) => error,
            };
            let is_certain = matches!(error, Error::Rejected { .. });
            let failures = failures + u32::from(!is_certain);
            if (is_certain || failures >= MAX_FAILURES) && range.len() > 1 {
                let middle = range.start.midpoint(range.end);
                parts.push_back(Part { range: middle..range.end, failures });
                parts.push_back(Part { range: range.start..middle, failures });
            } else if is_certain
                || (failures >= MAX_FAILURES && self.takes_others_like(&entries[range.start]).await)
            {
                refused.push(Refused { index: range.start, reason: error.to_string() });
            } else if shutdown.is_cancelled() {
                return None;
            } else {
                retry::log(sink, &error);
                retry::pause(&mut pauses, shutdown).await;
                // The others go first: one that is taken can be the witness.
                parts.push_front(Part { range, failures });
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        metrics::histogram!("consumer_delivery_seconds", "sink" => sink).record(seconds);
        Some(refused)
    }

    fn remember_one_of(&self, entries: &[LogEntry], not_taken: &[Refused]) {
        let is_taken = |index: &usize| not_taken.iter().all(|refused| refused.index != *index);
        if let Some(index) = (0..entries.len()).find(is_taken) {
            *self.witness() = Some(entries[index].clone());
        }
    }

    /// Whether the sink is in order, where it would keep this entry.
    async fn takes_others_like(&self, entry: &LogEntry) -> bool {
        let witness = self.witness().clone();
        let Some(witness) = witness.filter(|witness| witness.id.day() == entry.id.day()) else {
            return false;
        };
        let taken = self.sink.write(slice::from_ref(&witness)).await;
        taken.is_ok_and(|refused| refused.is_empty())
    }

    fn witness(&self) -> MutexGuard<'_, Option<LogEntry>> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use shared::{Arrival, EntryId, NewLogEntry, Ready, Timestamp};
    use tokio::time::{Duration, timeout};

    use super::*;

    /// A store that fails on some messages, and on all while it is out of order.
    #[derive(Default)]
    struct Picky {
        out_of_order: Mutex<bool>,
        taken: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Ready for Picky {
        async fn ready(&self) -> Result<()> {
            Ok(())
        }
    }

    #[async_trait]
    impl Store for Picky {
        async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
            let is_bad = |entry: &LogEntry| entry.message == "bad";
            if *self.out_of_order.lock().unwrap() || entries.iter().any(is_bad) {
                return Err(Error::failed("store", "some error"));
            }
            let messages = entries.iter().map(|entry| entry.message.clone());
            self.taken.lock().unwrap().extend(messages);
            Ok(Vec::new())
        }

        async fn get(&self, _: EntryId) -> Result<Option<LogEntry>> {
            Ok(None)
        }
    }

    fn entries(messages: &[&str]) -> Vec<LogEntry> {
        entries_at(Timestamp::now(), messages)
    }

    fn entries_at(time: Timestamp, messages: &[&str]) -> Vec<LogEntry> {
        let arrival = Arrival::new(time);
        let entries = (0..).zip(messages).map(|(position, message)| {
            let json = format!(r#"{{"service":"a","message":"{message}"}}"#);
            let new = NewLogEntry::from_json(json.as_bytes()).unwrap();
            new.arrive(&arrival, position).unwrap()
        });
        entries.collect()
    }

    fn delivery() -> (Arc<Picky>, Delivery) {
        let store = Arc::new(Picky::default());
        (Arc::clone(&store), Delivery::to(Sink::Store(store)))
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_fails_ten_times_is_given_up_and_the_others_are_taken() {
        let (store, delivery) = delivery();
        let batch = entries(&["bad", "a", "b", "c", "bad", "d"]);
        let refused = delivery.deliver(&batch, &CancellationToken::new()).await.unwrap();
        let mut indexes: Vec<usize> = refused.iter().map(|refused| refused.index).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, [0, 4]);
        assert!(refused[0].reason.contains("some error"), "{refused:?}");
        let mut taken = store.taken.lock().unwrap().clone();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken, ["a", "b", "c", "d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_comes_alone_is_given_up_if_the_sink_took_another_before() {
        let (_, delivery) = delivery();
        let shutdown = CancellationToken::new();
        delivery.deliver(&entries(&["good"]), &shutdown).await.unwrap();
        let refused = delivery.deliver(&entries(&["bad"]), &shutdown).await.unwrap();
        assert_eq!(refused.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_sink_took_of_another_day_says_nothing_of_this_one() {
        let (_, delivery) = delivery();
        let shutdown = CancellationToken::new();
        let yesterday =
            Timestamp::from_micros(Timestamp::now().as_micros() - Timestamp::MICROS_A_DAY);
        delivery.deliver(&entries_at(yesterday.unwrap(), &["good"]), &shutdown).await.unwrap();
        let bad = entries(&["bad"]);
        let delivering = delivery.deliver(&bad, &shutdown);
        assert!(timeout(Duration::from_hours(2), delivering).await.is_err(), "it gave up");
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_sink_takes_nothing_no_entry_is_given_up() {
        let (store, delivery) = delivery();
        let shutdown = CancellationToken::new();
        delivery.deliver(&entries(&["before"]), &shutdown).await.unwrap();
        *store.out_of_order.lock().unwrap() = true;
        let batch = entries(&["a", "b", "c"]);
        {
            let mut delivering = Box::pin(delivery.deliver(&batch, &shutdown));
            let long = Duration::from_hours(2);
            assert!(timeout(long, &mut delivering).await.is_err(), "it gave up");
            *store.out_of_order.lock().unwrap() = false;
            assert_eq!(delivering.await.unwrap(), []);
        }
        let taken = store.taken.lock().unwrap().clone();
        assert!(["a", "b", "c"].iter().all(|m| taken.contains(&(*m).to_owned())), "{taken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_ends_the_wait_for_a_sink_that_takes_nothing() {
        let (store, delivery) = delivery();
        *store.out_of_order.lock().unwrap() = true;
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        assert!(delivery.deliver(&entries(&["a"]), &shutdown).await.is_none());
    }
}
