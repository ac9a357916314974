//! The settings of the standalone process: where its data is.
//! A part that has a URL of its own is not kept there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::{ConfigError, ServiceUrl, value};

/// Where the standalone process keeps its data.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct StandaloneConfig {
    /// The folder of queue, store and index. `DATA_DIR`, default `./data`.
    #[serde(deserialize_with = "value::parsed")]
    pub data_dir: PathBuf,
    /// The most that waits in the embedded queue. `QUEUE_MAX_BYTES`, default 10 GiB; full: 503.
    #[serde(deserialize_with = "value::number::<1_048_576, 1_099_511_627_776, _, _>")]
    pub queue_max_bytes: u64,
    /// Another queue. `QUEUE_URL`, default a file of `DATA_DIR`.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub queue_url: Option<ServiceUrl>,
    /// Another store. `STORE_URL`, default a file of `DATA_DIR`.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub store_url: Option<ServiceUrl>,
    /// Another index. `INDEX_URL`, default a folder of `DATA_DIR`.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub index_url: Option<ServiceUrl>,
    /// Another cache. `CACHE_URL`, default memory.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub cache_url: Option<ServiceUrl>,
    /// How long an entry stays in the cache. `CACHE_TTL_SECONDS`, default 3600.
    #[serde(rename = "cache_ttl_seconds", deserialize_with = "value::seconds::<1, 2_592_000, _>")]
    pub cache_ttl: Duration,
    /// Another limiter. `LIMITER_URL`, default `CACHE_URL`, else memory.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub limiter_url: Option<ServiceUrl>,
}

impl Default for StandaloneConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            queue_max_bytes: 10 * 1024 * 1024 * 1024,
            queue_url: None,
            store_url: None,
            index_url: None,
            cache_url: None,
            cache_ttl: super::cache_ttl(),
            limiter_url: None,
        }
    }
}

impl StandaloneConfig {
    /// The queue: `sqlite:///…/queue.db?max_bytes=…`, unless `QUEUE_URL` names another.
    ///
    /// # Errors
    /// When `DATA_DIR` cannot be part of a URL.
    pub fn queue_url(&self) -> Result<ServiceUrl, ConfigError> {
        let query = format!("?max_bytes={}", self.queue_max_bytes);
        or_else(self.queue_url.as_ref(), || self.embedded("sqlite", "queue.db", &query))
    }

    /// The store: `sqlite:///…/store.db`, unless `STORE_URL` names another.
    ///
    /// # Errors
    /// When `DATA_DIR` cannot be part of a URL.
    pub fn store_url(&self) -> Result<ServiceUrl, ConfigError> {
        or_else(self.store_url.as_ref(), || self.embedded("sqlite", "store.db", ""))
    }

    /// The index: `tantivy:///…/index`, unless `INDEX_URL` names another.
    ///
    /// # Errors
    /// When `DATA_DIR` cannot be part of a URL.
    pub fn index_url(&self) -> Result<ServiceUrl, ConfigError> {
        or_else(self.index_url.as_ref(), || self.embedded("tantivy", "index", ""))
    }

    /// The cache: `memory:`, unless `CACHE_URL` names another.
    ///
    /// # Errors
    /// Never: the default is a URL.
    pub fn cache_url(&self) -> Result<ServiceUrl, ConfigError> {
        or_else(self.cache_url.as_ref(), || "memory:".parse())
    }

    /// The limiter: what `LIMITER_URL` names, else the cache.
    ///
    /// # Errors
    /// Never: the default is a URL.
    pub fn limiter_url(&self) -> Result<ServiceUrl, ConfigError> {
        let url = self.limiter_url.as_ref().or(self.cache_url.as_ref());
        or_else(url, || "memory:".parse())
    }

    fn embedded(&self, scheme: &str, name: &str, query: &str) -> Result<ServiceUrl, String> {
        let path = percent_encoded(&self.data_dir.join(name))?;
        format!("{scheme}://{path}{query}").parse()
    }
}

/// The URL that was set, else the embedded one.
fn or_else(
    set: Option<&ServiceUrl>,
    embedded: impl Fn() -> Result<ServiceUrl, String>,
) -> Result<ServiceUrl, ConfigError> {
    match set {
        Some(url) => Ok(url.clone()),
        None => {
            embedded().map_err(|problem| ConfigError { variable: "DATA_DIR".to_owned(), problem })
        }
    }
}

/// The absolute path as a URL has it.
fn percent_encoded(path: &Path) -> Result<String, String> {
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    let url = Url::from_file_path(absolute).map_err(|()| "must be the path of a folder")?;
    Ok(url.path().to_owned())
}
