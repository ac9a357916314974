//! The days that have been dropped, of which the cache may still have entries.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use shared::LogEntry;
use shared::log_entry::Day;
use shared::retention::Class;
use shared::store::Store;
use tokio::sync::watch;
use tokio::time::sleep;

/// The pause between reads of the days. A cached entry of a dropped day is returned at most this
/// long.
const INTERVAL: Duration = Duration::from_secs(10);

/// The first day of each class that is kept, as it was a few seconds ago.
pub(crate) struct Dropped(watch::Receiver<BTreeMap<Class, Day>>);

impl Dropped {
    /// Reads the days from the store in a task, which ends with it.
    pub(crate) fn follow(store: &Arc<dyn Store>) -> Self {
        let (sender, receiver) = watch::channel(BTreeMap::new());
        tokio::spawn(read(Arc::downgrade(store), sender));
        Self(receiver)
    }

    /// Whether the day of the entry has been dropped.
    pub(crate) fn has(&self, entry: &LogEntry) -> bool {
        let first = self.0.borrow().get(&entry.retention).copied();
        first.is_some_and(|first| Day::of(entry.id) < first)
    }
}

async fn read(store: Weak<dyn Store>, days: watch::Sender<BTreeMap<Class, Day>>) {
    while let Some(store) = store.upgrade()
        && !days.is_closed()
    {
        match store.first_days().await {
            Ok(first_days) => drop(days.send_replace(first_days)),
            Err(error) => tracing::debug!(%error, "reading which days have been dropped failed"),
        }
        drop(store);
        sleep(INTERVAL).await;
    }
}
