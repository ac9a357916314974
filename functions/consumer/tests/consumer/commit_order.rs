//! Batches are written concurrently, but committed in queue order.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use consumer::Consumer;
use shared::error::{Error, Refused, Result};
use shared::queue::{self, Batch, Queue};
use shared::store::Store;
use shared::{EntryId, LogEntry};
use tokio::sync::Notify;

use crate::support::{BATCHING, Backends, entry, ready_as_inner, run, store_with_own_insert};

/// A store that finishes its first insert after the second.
struct ReorderingStore {
    calls: AtomicU32,
    second_inserted: Notify,
    inner: Arc<dyn Store>,
}

store_with_own_insert!(ReorderingStore);

impl ReorderingStore {
    async fn insert_entries(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 {
            self.second_inserted.notified().await;
        }
        let inserted = self.inner.insert(entries).await;
        self.second_inserted.notify_one();
        inserted
    }
}

#[tokio::test]
async fn a_batch_is_written_while_the_previous_one_is_in_progress() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let [first, second] = [entry(1), entry(2)];
    backends.publish(&first.to_json()).await;

    let store = Arc::new(ReorderingStore {
        calls: AtomicU32::new(0),
        second_inserted: Notify::new(),
        inner: backends.store.clone(),
    });
    let consumer = backends.consumer_with(store.clone(), backends.index.clone());
    let is_second_published = AtomicBool::new(false);
    run(consumer, async || {
        let is_first_started = store.calls.load(Ordering::SeqCst) > 0;
        if is_first_started && !is_second_published.swap(true, Ordering::SeqCst) {
            backends.publish(&second.to_json()).await;
        }
        backends.is_stored(&first).await
    })
    .await;

    assert!(backends.is_stored(&second).await);
    backends.assert_all_committed(&directory).await;
}

/// A queue consumer that records the ids of each committed batch.
struct CommitRecorder {
    commits: Mutex<Vec<Vec<EntryId>>>,
    inner: Arc<dyn queue::Consumer>,
}

impl CommitRecorder {
    fn commits(&self) -> Vec<Vec<EntryId>> {
        self.commits.lock().unwrap().clone()
    }
}

ready_as_inner!(CommitRecorder);

#[async_trait]
impl queue::Consumer for CommitRecorder {
    async fn poll(&self) -> Result<Batch> {
        self.inner.poll().await
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        let ids = batch.entries().iter().map(|entry| entry.id).collect();
        self.commits.lock().unwrap().push(ids);
        self.inner.commit(batch).await
    }
}

/// A store that is unavailable for one entry until it is unblocked.
struct BlockingStore {
    blocked: EntryId,
    has_blocked: AtomicBool,
    is_unblocked: AtomicBool,
    inner: Arc<dyn Store>,
}

store_with_own_insert!(BlockingStore);

impl BlockingStore {
    async fn insert_entries(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let contains_blocked = entries.iter().any(|entry| entry.id == self.blocked);
        if contains_blocked && !self.is_unblocked.load(Ordering::SeqCst) {
            self.has_blocked.store(true, Ordering::SeqCst);
            return Err(Error::unavailable("store", "not yet"));
        }
        self.inner.insert(entries).await
    }
}

#[tokio::test]
async fn a_written_batch_is_not_committed_before_the_previous_one() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let [first, second] = [entry(1), entry(2)];
    backends.publish(&first.to_json()).await;
    let recorder = Arc::new(CommitRecorder {
        commits: Mutex::default(),
        inner: backends.queue.consumer.clone(),
    });
    let queue = Queue { consumer: recorder.clone(), ..backends.queue.clone() };
    let store = Arc::new(BlockingStore {
        blocked: first.id,
        has_blocked: AtomicBool::new(false),
        is_unblocked: AtomicBool::new(false),
        inner: backends.store.clone(),
    });

    let consumer = Consumer::new(&queue, store.clone(), backends.index.clone(), BATCHING);
    let is_second_published = AtomicBool::new(false);
    run(consumer, async || {
        let has_blocked = store.has_blocked.load(Ordering::SeqCst);
        if has_blocked && !is_second_published.swap(true, Ordering::SeqCst) {
            backends.publish(&second.to_json()).await;
        }
        let is_second_written = backends.indexed().await == [second.clone()];
        if is_second_written && !store.is_unblocked.load(Ordering::SeqCst) {
            // Allow time for a premature commit.
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(recorder.commits().is_empty(), "{:?}", recorder.commits());
            store.is_unblocked.store(true, Ordering::SeqCst);
        }
        recorder.commits().len() == 2
    })
    .await;

    assert_eq!(recorder.commits(), [[first.id], [second.id]]);
    assert!(backends.is_stored(&first).await);
}
