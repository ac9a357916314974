//! Settings for the services behind a cluster's ports.

use std::time::Duration;

use serde::Deserialize;

use super::{ServiceUrl, value};

/// The default of `CACHE_TTL_SECONDS`.
pub(super) const DEFAULT_CACHE_TTL: Duration = Duration::from_hours(1);

/// The default of `INDEX_ATTRIBUTES_MAX`, and of the option `attributes` of `INDEX_URL`.
pub(crate) const DEFAULT_INDEX_ATTRIBUTES_MAX: usize = 200;

/// The maximum of both settings. Each attribute has columns, which make tantivy's segments slow to
/// open and are part of OpenSearch's cluster state.
pub(crate) const HIGHEST_INDEX_ATTRIBUTES_MAX: u64 = 5000;

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
    index_url: ServiceUrl,
    /// The maximum number of attributes per day that support ranges. `INDEX_ATTRIBUTES_MAX`,
    /// default 200.
    #[serde(
        default = "default_index_attributes_max",
        deserialize_with = "value::number::<0, HIGHEST_INDEX_ATTRIBUTES_MAX, _, _>"
    )]
    index_attributes_max: usize,
}

impl IndexConfig {
    /// Returns `INDEX_URL` with the option `attributes`, which is `INDEX_ATTRIBUTES_MAX` unless the
    /// URL has it.
    #[must_use]
    pub fn url(&self) -> ServiceUrl {
        self.index_url.with_default_option("attributes", self.index_attributes_max)
    }
}

fn default_index_attributes_max() -> usize {
    DEFAULT_INDEX_ATTRIBUTES_MAX
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
