//! Settings for the services behind a cluster's ports.

use std::time::Duration;

use serde::Deserialize;

use super::{ServiceUrl, value};

/// The default of `CACHE_TTL_SECONDS`.
pub(super) const DEFAULT_CACHE_TTL: Duration = Duration::from_hours(1);

/// The queue.
#[derive(Debug, Clone, Deserialize)]
pub struct QueueConfig {
    /// The URL of the queue. `QUEUE_URL`, required.
    #[serde(deserialize_with = "value::parsed")]
    pub queue_url: ServiceUrl,
}

/// The store.
#[derive(Debug, Clone, Deserialize)]
pub struct StoreConfig {
    /// The URL of the store. `STORE_URL`, required.
    #[serde(deserialize_with = "value::parsed")]
    pub store_url: ServiceUrl,
}

/// The index.
#[derive(Debug, Clone, Deserialize)]
pub struct IndexConfig {
    /// The URL of the index. `INDEX_URL`, required.
    #[serde(deserialize_with = "value::parsed")]
    pub index_url: ServiceUrl,
}

/// The cache.
#[derive(Debug, Clone, Deserialize)]
pub struct CacheConfig {
    /// The URL of the cache. `CACHE_URL`, required.
    #[serde(deserialize_with = "value::parsed")]
    pub cache_url: ServiceUrl,
    /// The time to live of a cached entry. `CACHE_TTL_SECONDS`, default 3600.
    #[serde(
        rename = "cache_ttl_seconds",
        default = "default_cache_ttl",
        deserialize_with = "value::seconds::<1, 2_592_000, _>"
    )]
    pub ttl: Duration,
}

fn default_cache_ttl() -> Duration {
    DEFAULT_CACHE_TTL
}
