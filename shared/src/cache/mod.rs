//! The cache: entries that were fetched of late, in front of the store ("cache-aside").
//! Adapters: moka (embedded), Redis (cluster).

#[cfg(feature = "memory")]
mod moka;
#[cfg(feature = "redis")]
mod redis;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use url::Url;

use crate::config::unknown_scheme;
use crate::error::{Ready, Result};
use crate::log_entry::{EntryId, LogEntry};

/// Where entries are found fast for a while.
///
/// # Contract
/// * What was put is found until its time is over or room is needed; absence means nothing.
/// * An error is never a reason to refuse a request: ask the store.
#[async_trait]
pub trait Cache: Ready {
    /// The entry with this id, if it is cached.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the cache does not answer.
    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>>;

    /// Keeps the entry for a while.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the cache does not answer.
    async fn put(&self, entry: &LogEntry) -> Result<()>;
}

/// The variable that holds the cache's URL.
const VARIABLE: &str = "CACHE_URL";

const SCHEMES: &[&str] = &[
    #[cfg(feature = "memory")]
    "memory",
    #[cfg(feature = "redis")]
    "redis",
];

/// Opens the cache that the URL names; it forgets an entry after `ttl`.
///
/// * `memory:`: in this process, 32 MiB at most.
/// * `redis://host:6379/0`: a database of Redis, which may be away; the keys begin with `logpulse:`,
///   or as `?prefix=name` says.
///
/// # Errors
/// When the scheme is unknown, or the URL is wrong.
pub async fn open(url: &Url, ttl: Duration) -> anyhow::Result<Arc<dyn Cache>> {
    match url.scheme() {
        #[cfg(feature = "memory")]
        "memory" => Ok(Arc::new(moka::MokaCache::open(url, ttl)?)),
        #[cfg(feature = "redis")]
        "redis" => Ok(Arc::new(redis::RedisCache::open(url, ttl)?)),
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}
