//! A queue, a store and an index in a temporary directory, and a consumer that uses them.

use std::sync::Arc;
use std::time::Duration;

use consumer::Consumer;
use shared::config::BatchConfig;
use shared::index::{self, Index};
use shared::query::Condition;
use shared::queue::{self, Queue, Record};
use shared::search::SearchQuery;
use shared::store::{self, Store};
use shared::{LogEntry, testing};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

/// The timeout of each wait.
const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) const BATCHING: BatchConfig =
    BatchConfig { max_entries: 100, max_wait: Duration::from_millis(20) };

/// A queue, a store and an index in the same directory.
pub(crate) struct Backends {
    pub(crate) queue: Queue,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) index: Arc<dyn Index>,
}

impl Backends {
    pub(crate) async fn open(directory: &TempDir) -> Self {
        let url = |scheme: &str, name: &str| {
            Url::parse(&format!("{scheme}://{}/{name}", directory.path().display())).unwrap()
        };
        Self {
            queue: queue::open(&url("sqlite", "queue.db")).await.unwrap(),
            store: store::open(&url("sqlite", "store.db")).await.unwrap(),
            index: index::open(&url("tantivy", "index")).await.unwrap(),
        }
    }

    pub(crate) fn consumer(&self) -> Consumer {
        self.consumer_with(self.store.clone(), self.index.clone())
    }

    pub(crate) fn consumer_with(&self, store: Arc<dyn Store>, index: Arc<dyn Index>) -> Consumer {
        Consumer::new(&self.queue, store, index, BATCHING)
    }

    pub(crate) async fn publish(&self, lines: &[u8]) {
        let record = Record::from_bytes(lines.to_vec().into());
        self.queue.producer.publish(vec![record]).await.unwrap();
    }

    pub(crate) async fn is_stored(&self, entry: &LogEntry) -> bool {
        self.store.get(entry.id).await.unwrap().is_some()
    }

    pub(crate) async fn indexed(&self) -> Vec<LogEntry> {
        let query = SearchQuery::new(Condition::everything(), 100);
        self.index.search(&query).await.unwrap().entries
    }

    pub(crate) async fn has_dead_letters(&self) -> bool {
        !self.queue.dead_letters.list(0, 1).await.unwrap().is_empty()
    }

    /// Checks that every record is committed: once the queue is reopened, a poll returns only an
    /// entry that is published afterwards.
    pub(crate) async fn assert_all_committed(self, directory: &TempDir) {
        drop(self);
        let reopened = Self::open(directory).await;
        let later = entry(0);
        reopened.publish(&later.to_json()).await;
        let polled = timeout(TIMEOUT, reopened.queue.consumer.poll()).await.unwrap().unwrap();
        let ids: Vec<_> = polled.entries().iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [later.id]);
        assert_eq!(polled.unreadable(), []);
    }
}

/// Runs a consumer until `is_done` returns true, then stops it.
pub(crate) async fn run(consumer: Consumer, is_done: impl AsyncFn() -> bool) {
    let shutdown = CancellationToken::new();
    let wait = async {
        while !is_done().await {
            sleep(Duration::from_millis(10)).await;
        }
        shutdown.cancel();
    };
    let both = async { tokio::join!(consumer.run(&shutdown), wait) };
    timeout(TIMEOUT, both).await.expect("the consumer did not finish its work and stop in time");
}

/// An entry with the message "number N".
pub(crate) fn entry(number: u32) -> LogEntry {
    testing::entry(format!("number {number}"))
}

/// Implements [`Ready`](shared::Ready) by delegating to the field `inner`.
macro_rules! ready_as_inner {
    ($type:ty) => {
        #[async_trait::async_trait]
        impl shared::Ready for $type {
            async fn ready(&self) -> shared::error::Result<()> {
                self.inner.ready().await
            }
        }
    };
}

/// Implements [`Store`] with the type's own `insert_entries`, and delegates everything else to the
/// field `inner`.
macro_rules! store_with_own_insert {
    ($type:ty) => {
        crate::support::ready_as_inner!($type);

        const _: () = {
            use std::collections::BTreeMap;

            use shared::error::{Refused, Result};
            use shared::log_entry::Day;
            use shared::retention::{Class, Keep};
            use shared::store::{IdRange, ScanPage, Store, Stored, StoredDay};
            use shared::{EntryId, LogEntry};

            #[async_trait::async_trait]
            impl Store for $type {
                async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
                    self.insert_entries(entries).await
                }

                async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
                    self.inner.get(id).await
                }

                async fn classes(&self) -> Result<Vec<Class>> {
                    self.inner.classes().await
                }

                async fn scan(
                    &self,
                    class: &Class,
                    range: IdRange,
                    limit: usize,
                ) -> Result<ScanPage> {
                    self.inner.scan(class, range, limit).await
                }

                async fn count(&self, class: &Class, range: IdRange) -> Result<u64> {
                    self.inner.count(class, range).await
                }

                async fn last(&self, class: &Class, range: IdRange) -> Result<Option<EntryId>> {
                    self.inner.last(class, range).await
                }

                async fn delete(&self, ids: &[EntryId]) -> Result<u64> {
                    self.inner.delete(ids).await
                }

                async fn lookup(&self, ids: &[EntryId]) -> Result<BTreeMap<EntryId, Stored>> {
                    self.inner.lookup(ids).await
                }

                async fn deleted(
                    &self,
                    class: &Class,
                    range: IdRange,
                    limit: usize,
                ) -> Result<Vec<EntryId>> {
                    self.inner.deleted(class, range, limit).await
                }

                async fn deletions(&self) -> Result<u64> {
                    self.inner.deletions().await
                }

                async fn default_keep(&self) -> Result<Keep> {
                    self.inner.default_keep().await
                }

                async fn days(&self) -> Result<Vec<StoredDay>> {
                    self.inner.days().await
                }

                async fn first_days(&self) -> Result<BTreeMap<Class, Day>> {
                    self.inner.first_days().await
                }

                async fn dropped(&self, day: Day) -> Result<Option<Class>> {
                    self.inner.dropped(day).await
                }

                async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
                    self.inner.drop_before(class, first).await
                }
            }
        };
    };
}

pub(crate) use {ready_as_inner, store_with_own_insert};
