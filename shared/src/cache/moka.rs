//! The in-memory cache. Its capacity is in bytes, because entries vary widely in size.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
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

/// moka panics if the TTL exceeds about 1,000 years.
const MAX_TTL: Duration = Duration::from_hours(1000 * 365 * 24);

pub(super) struct MokaCache(moka::future::Cache<EntryId, Arc<LogEntry>>);

impl MokaCache {
    /// Opens the cache at `memory:`.
    pub(super) fn open(url: &Url, ttl: Duration) -> std::result::Result<Self, ConfigError> {
        UrlOptions::parse(VARIABLE, url, &[])?;
        Ok(Self::new(ttl))
    }

    fn new(ttl: Duration) -> Self {
        let cache = moka::future::Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(|_, entry: &Arc<LogEntry>| weight_bytes(entry))
            .time_to_live(ttl.min(MAX_TTL))
            .build();
        Self(cache)
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
        let entry = self.0.get(&id).await;
        Ok(entry.map(Arc::unwrap_or_clone))
    }

    async fn put(&self, entry: &LogEntry) -> Result<()> {
        self.0.insert(entry.id, Arc::new(entry.clone())).await;
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
        cache.0.run_pending_tasks().await;
        assert!(cache.0.weighted_size() <= MAX_BYTES);
        assert!(cache.0.entry_count() >= 16, "{}", cache.0.entry_count());
    }

    #[tokio::test]
    async fn the_longest_time_to_live_is_accepted() {
        MokaCache::new(Duration::MAX).ready().await.unwrap();
    }
}
