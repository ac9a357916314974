//! Entries reach both sinks despite temporary failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use shared::LogEntry;
use shared::error::{Error, Refused, Result};
use shared::store::Store;
use shared::testing::Broken;

use crate::support::{Backends, entry, run, store_with_own_insert};

#[tokio::test]
async fn entries_move_from_the_queue_to_both_sinks() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let entries: Vec<LogEntry> = (0..10).map(entry).collect();
    for entry in &entries {
        backends.publish(&entry.to_json()).await;
    }

    run(backends.consumer(), async || backends.indexed().await.len() == 10).await;

    for entry in &entries {
        let stored = backends.store.get(entry.id).await.unwrap().unwrap();
        assert_eq!(stored.to_json(), entry.to_json());
    }
    backends.assert_all_committed(&directory).await;
}

/// A store that is unavailable for its first `failures` inserts.
struct FlakyStore {
    failures: AtomicU32,
    inner: Arc<dyn Store>,
}

store_with_own_insert!(FlakyStore);

impl FlakyStore {
    async fn insert_entries(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let decrement = |failures: u32| failures.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, decrement).is_ok() {
            return Err(Error::unavailable("store", "not yet"));
        }
        self.inner.insert(entries).await
    }
}

#[tokio::test]
async fn an_unavailable_sink_is_retried_until_it_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let entry = entry(0);
    backends.publish(&entry.to_json()).await;

    let flaky = FlakyStore { failures: AtomicU32::new(3), inner: backends.store.clone() };
    let consumer = backends.consumer_with(Arc::new(flaky), backends.index.clone());
    run(consumer, async || backends.is_stored(&entry).await).await;

    assert!(!backends.has_dead_letters().await);
    backends.assert_all_committed(&directory).await;
}

#[tokio::test]
async fn an_uncommitted_batch_is_redelivered_and_indexed_once() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let entry = entry(0);
    backends.publish(&entry.to_json()).await;
    let without_index = backends.consumer_with(backends.store.clone(), Arc::new(Broken));
    run(without_index, async || backends.is_stored(&entry).await).await;
    assert_eq!(backends.indexed().await.len(), 0);
    drop(backends);

    let backends = Backends::open(&directory).await;
    run(backends.consumer(), async || !backends.indexed().await.is_empty()).await;

    assert_eq!(backends.indexed().await.len(), 1);
    backends.assert_all_committed(&directory).await;
}

#[tokio::test]
async fn an_entry_is_not_indexed_before_it_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let first = entry(0);
    backends.publish(&first.to_json()).await;
    let without_store = backends.consumer_with(Arc::new(Broken), backends.index.clone());
    let started = Instant::now();
    run(without_store, async || started.elapsed() > Duration::from_millis(500)).await;
    assert_eq!(backends.indexed().await, []);
    drop(backends);

    let backends = Backends::open(&directory).await;
    run(backends.consumer(), async || !backends.indexed().await.is_empty()).await;
    assert_eq!(backends.indexed().await, [first]);
    backends.assert_all_committed(&directory).await;
}
