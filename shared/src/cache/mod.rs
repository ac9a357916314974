//! The cache: returns entries by id faster than the store, until they expire.
//! Adapters: moka, in memory (embedded), and Redis (cluster).

#[cfg(feature = "memory")]
mod moka;
#[cfg(feature = "redis")]
mod redis;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::config::url_options::unknown_scheme;
use crate::error::{Ready, Result};
use crate::log_entry::{EntryId, LogEntry};

/// Caches entries by id.
///
/// # Contract
/// * A cached entry is returned until it expires or is evicted. The store may contain
///   entries that the cache does not.
/// * Once an entry has been removed, it is not cached again for as long as entries are cached. A
///   request that read it from the store before it was deleted therefore cannot bring it back.
/// * An error must not fail a read: callers fall back to the store.
#[async_trait]
pub trait Cache: Ready {
    /// Returns the entry with this id, if it is cached.
    ///
    /// # Errors
    /// When the cache does not respond ([`Error::Unavailable`](crate::Error::Unavailable)).
    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>>;

    /// Caches the entry, unless it has been removed.
    ///
    /// # Errors
    /// When the cache does not respond ([`Error::Unavailable`](crate::Error::Unavailable)).
    async fn put(&self, entry: &LogEntry) -> Result<()>;

    /// Removes entries that have been deleted from the store. It can be repeated after an error.
    ///
    /// # Errors
    /// When the cache does not respond ([`Error::Unavailable`](crate::Error::Unavailable)).
    async fn remove(&self, ids: &[EntryId]) -> Result<()>;
}

/// The variable that holds the cache's URL.
const VARIABLE: &str = "CACHE_URL";

const SCHEMES: &[&str] = &[
    #[cfg(feature = "memory")]
    "memory",
    #[cfg(feature = "redis")]
    "redis",
];

/// Opens the cache at this URL. Entries expire after `ttl`.
///
/// * `memory:`: in this process, at most 32 MiB.
/// * `redis://host:6379/0`: a Redis database, which need not be running yet. Keys start with
///   `logpulse:`, or with the `prefix` option: `?prefix=name`.
///
/// # Errors
/// When the URL is invalid.
#[cfg_attr(
    not(any(feature = "memory", feature = "redis")),
    expect(unused_variables, reason = "only adapters use every parameter")
)]
pub async fn open(url: &Url, ttl: Duration) -> anyhow::Result<Arc<dyn Cache>> {
    match url.scheme() {
        #[cfg(feature = "memory")]
        "memory" => Ok(Arc::new(moka::MokaCache::open(url, ttl)?)),
        #[cfg(feature = "redis")]
        "redis" => Ok(Arc::new(redis::RedisCache::open(url, ttl)?)),
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}
