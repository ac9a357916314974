//! The in-memory cache. Its capacity is in bytes, because entries vary widely in size.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::future;
use moka::policy::EvictionPolicy;
use url::Url;

use super::{Cache, VARIABLE};
use crate::config::ConfigError;
use crate::config::url_options::UrlOptions;
use crate::error::{Ready, Result};
use crate::log_entry::{EntryId, LogEntry};

/// The capacity of the cache.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// The size of an entry without its text: its fields, and about 128 bytes of bookkeeping.
const OVERHEAD_BYTES: usize = size_of::<LogEntry>() + 128;

/// The number of removed entries that are remembered, the latest ones. A request that read one of
/// them before it was removed has ended long before so many others are removed.
const MAX_REMOVED: u64 = 100_000;

/// moka panics if the TTL exceeds about 1,000 years.
const MAX_TTL: Duration = Duration::from_hours(1000 * 365 * 24);

pub(super) struct MokaCache {
    entries: future::Cache<EntryId, Arc<LogEntry>>,
    removed: future::Cache<EntryId, ()>,
}

impl MokaCache {
    /// Opens the cache at `memory:`.
    pub(super) fn open(url: &Url, ttl: Duration) -> std::result::Result<Self, ConfigError> {
        UrlOptions::parse(VARIABLE, url, &[])?;
        Ok(Self::new(ttl))
    }

    fn new(ttl: Duration) -> Self {
        let ttl = ttl.min(MAX_TTL);
        let entries = future::Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(|_, entry: &Arc<LogEntry>| weight_bytes(entry))
            .time_to_live(ttl);
        let removed = future::Cache::builder()
            .max_capacity(MAX_REMOVED)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(ttl);
        Self { entries: entries.build(), removed: removed.build() }
    }
}

fn weight_bytes(entry: &LogEntry) -> u32 {
    u32::try_from(OVERHEAD_BYTES + entry.text_bytes()).unwrap_or(u32::MAX)
}

#[async_trait]
impl Ready for MokaCache {
    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Cache for MokaCache {
    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        let entry = self.entries.get(&id).await;
        Ok(entry.map(Arc::unwrap_or_clone))
    }

    async fn put(&self, entry: &LogEntry) -> Result<()> {
        self.entries.insert(entry.id, Arc::new(entry.clone())).await;
        // Checked after the insert, because `remove` may run at the same time.
        if self.removed.contains_key(&entry.id) {
            self.entries.invalidate(&entry.id).await;
        }
        Ok(())
    }

    async fn remove(&self, ids: &[EntryId]) -> Result<()> {
        for id in ids {
            self.removed.insert(*id, ()).await;
            self.entries.invalidate(id).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::{Arrival, NewLogEntry, Timestamp};

    #[tokio::test]
    async fn the_cache_stays_within_its_capacity() {
        let cache = MokaCache::new(Duration::from_mins(1));
        let arrival = Arrival::new(Timestamp::now());
        let json = format!(r#"{{"service":"a","message":"{}"}}"#, "m".repeat(1024 * 1024));
        for position in 0..100 {
            let new = NewLogEntry::from_json(json.as_bytes()).unwrap();
            let entry = new.arrive(&arrival, position).unwrap();
            cache.put(&entry).await.unwrap();
        }
        cache.entries.run_pending_tasks().await;
        assert!(cache.entries.weighted_size() <= MAX_BYTES);
        assert!(cache.entries.entry_count() >= 16, "{}", cache.entries.entry_count());
    }

    #[tokio::test]
    async fn the_longest_time_to_live_is_accepted() {
        MokaCache::new(Duration::MAX).ready().await.unwrap();
    }
}
