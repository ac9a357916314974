//! Deleted entries stay deleted when their records are delivered again, and when they are deleted
//! while a batch is written.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use consumer::dead_letters;
use shared::error::{Error, Refused, Result};
use shared::index::{Index, Snapshot};
use shared::log_entry::Day;
use shared::process::DeadLettersCommand;
use shared::queue::{DeadLetter, Position};
use shared::retention::Class;
use shared::search::{SearchHits, SearchQuery};
use shared::store::Store;
use shared::{EntryId, LogEntry, Timestamp};

use crate::support::{Backends, entry, ready_as_inner, run};

fn lines(entries: &[LogEntry]) -> Vec<u8> {
    entries.iter().map(LogEntry::to_json).collect::<Vec<_>>().join(&b'\n')
}

/// The messages of the entries that the index finds, sorted.
async fn messages(backends: &Backends) -> Vec<String> {
    let mut messages: Vec<String> =
        backends.indexed().await.into_iter().map(|entry| entry.message).collect();
    messages.sort_unstable();
    messages
}

async fn wait_for(backends: &Backends, entry: &LogEntry) {
    run(backends.consumer(), async || backends.indexed().await.contains(entry)).await;
}

#[tokio::test]
async fn a_redelivered_entry_stays_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let entries: Vec<LogEntry> = (0..4).map(entry).collect();
    backends.publish(&lines(&entries)).await;
    wait_for(&backends, &entries[3]).await;
    let deleted: Vec<EntryId> = entries[..2].iter().map(|entry| entry.id).collect();
    backends.store.delete(&deleted).await.unwrap();
    // The process was killed before the second entry was deleted from the index.
    backends.index.delete(&Class::DEFAULT, &deleted[..1]).await.unwrap();

    let later = entry(9);
    backends.publish(&lines(&entries)).await;
    backends.publish(&later.to_json()).await;
    wait_for(&backends, &later).await;

    assert_eq!(messages(&backends).await, ["number 2", "number 3", "number 9"]);
    assert!(!backends.is_stored(&entries[0]).await);
    assert!(!backends.has_dead_letters().await);
    backends.assert_all_committed(&directory).await;
}

#[tokio::test]
async fn a_replayed_dead_letter_stays_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let entries: Vec<LogEntry> = (0..2).map(entry).collect();
    backends.publish(&lines(&entries)).await;
    wait_for(&backends, &entries[1]).await;
    backends.store.delete(&[entries[0].id]).await.unwrap();
    backends.index.delete(&Class::DEFAULT, &[entries[0].id]).await.unwrap();
    let dead_letter = DeadLetter {
        line: entries[0].to_json(),
        reason: "odd".to_owned(),
        source: Position { partition: 0, offset: 1 },
        time: Timestamp::parse("2020-01-01T00:00:00Z").unwrap(),
    };
    backends.queue.dead_letters.write(&[dead_letter]).await.unwrap();

    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let replay = DeadLettersCommand::Replay;
    dead_letters::run(replay, &backends.queue, &mut out, &mut notes).await.unwrap();
    let later = entry(9);
    backends.publish(&later.to_json()).await;
    wait_for(&backends, &later).await;

    assert_eq!(out, b"replayed 1 dead letter\n");
    assert!(!backends.indexed().await.contains(&entries[0]));
    assert!(!backends.is_stored(&entries[0]).await);
    assert!(!backends.has_dead_letters().await);
}

/// An index that deletes the first entry of each batch, or drops its day, from the store and from
/// itself just before it adds the batch. It fails once with an error of unknown cause.
struct DeletingIndex {
    inner: Arc<dyn Index>,
    store: Arc<dyn Store>,
    drops_day: bool,
    has_failed: AtomicBool,
    has_added: AtomicBool,
}

impl DeletingIndex {
    fn new(backends: &Backends, drops_day: bool) -> Arc<Self> {
        let (inner, store) = (backends.index.clone(), backends.store.clone());
        let (has_failed, has_added) = Default::default();
        Arc::new(Self { inner, store, drops_day, has_failed, has_added })
    }
}

ready_as_inner!(DeletingIndex);

#[async_trait]
impl Index for DeletingIndex {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let id = entries[0].id;
        if self.drops_day {
            let next = Day::of(id).next();
            self.store.drop_before(&Class::DEFAULT, next).await?;
            self.inner.drop_before(&Class::DEFAULT, next).await?;
        } else {
            self.store.delete(&[id]).await?;
            self.inner.delete(&Class::DEFAULT, &[id]).await?;
        }
        let added = self.inner.add(entries).await;
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            return Err(Error::unavailable("index", "timed out"));
        }
        self.has_added.store(true, Ordering::Relaxed);
        added
    }

    async fn delete(&self, class: &Class, ids: &[EntryId]) -> Result<()> {
        self.inner.delete(class, ids).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        self.inner.search(query).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        self.inner.snapshot().await
    }

    async fn days(&self, class: &Class) -> Result<BTreeSet<Day>> {
        self.inner.days(class).await
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        self.inner.drop_before(class, first).await
    }
}

#[tokio::test]
async fn an_entry_that_is_deleted_between_both_sinks_stays_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let entries: Vec<LogEntry> = (0..4).map(entry).collect();
    backends.publish(&lines(&entries)).await;
    let deleting = DeletingIndex::new(&backends, false);
    let consumer = backends.consumer_with(backends.store.clone(), deleting);
    run(consumer, async || backends.indexed().await.len() == 3).await;

    assert_eq!(messages(&backends).await, ["number 1", "number 2", "number 3"]);
    backends.assert_all_committed(&directory).await;
}

#[tokio::test]
async fn entries_of_a_day_that_is_dropped_between_both_sinks_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let entries: Vec<LogEntry> = (0..4).map(entry).collect();
    backends.publish(&lines(&entries)).await;
    let dropping = DeletingIndex::new(&backends, true);
    let consumer = backends.consumer_with(backends.store.clone(), dropping.clone());
    let is_done =
        async || dropping.has_added.load(Ordering::Relaxed) && backends.indexed().await.is_empty();
    run(consumer, is_done).await;

    assert!(!backends.is_stored(&entries[0]).await);
    assert!(!backends.has_dead_letters().await);
}
