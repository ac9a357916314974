//! Settings of the standalone process: its data directory, and services that replace embedded
//! adapters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::{
    ConfigError, ServiceUrl,
    ports::{DEFAULT_CACHE_TTL, DEFAULT_INDEX_ATTRIBUTES_MAX, HIGHEST_INDEX_ATTRIBUTES_MAX},
    value,
};

/// The embedded queue's file in `DATA_DIR`.
pub(crate) const QUEUE_FILE: &str = "queue.db";

/// The catalogue of the embedded store in `DATA_DIR`.
pub(crate) const STORE_FILE: &str = "store.db";

/// The standalone process's data directory and service URLs.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct StandaloneConfig {
    /// The directory of the embedded queue, store and index. `DATA_DIR`, default `./data`.
    #[serde(deserialize_with = "value::parsed")]
    pub data_dir: PathBuf,
    /// The capacity of the embedded queue; a full queue rejects requests with 503.
    /// `QUEUE_MAX_BYTES`, default 10 GiB.
    #[serde(deserialize_with = "value::number::<1_048_576, 1_099_511_627_776, _, _>")]
    pub queue_max_bytes: u64,
    /// The URL of the queue. `QUEUE_URL`, default a file in `DATA_DIR`.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub queue_url: Option<ServiceUrl>,
    /// The URL of the store. `STORE_URL`, default a file in `DATA_DIR`.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub store_url: Option<ServiceUrl>,
    /// The URL of the index. `INDEX_URL`, default a directory in `DATA_DIR`.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub index_url: Option<ServiceUrl>,
    /// The maximum number of attributes per day that support ranges. `INDEX_ATTRIBUTES_MAX`,
    /// default 200.
    #[serde(deserialize_with = "value::number::<0, HIGHEST_INDEX_ATTRIBUTES_MAX, _, _>")]
    pub index_attributes_max: usize,
    /// The URL of the cache. `CACHE_URL`, default memory.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub cache_url: Option<ServiceUrl>,
    /// The time to live of a cached entry. `CACHE_TTL_SECONDS`, default 3600.
    #[serde(rename = "cache_ttl_seconds", deserialize_with = "value::seconds::<1, 2_592_000, _>")]
    pub cache_ttl: Duration,
    /// The URL of the rate limiter. `LIMITER_URL`, default `CACHE_URL`, or else memory.
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
            index_attributes_max: DEFAULT_INDEX_ATTRIBUTES_MAX,
            cache_url: None,
            cache_ttl: DEFAULT_CACHE_TTL,
            limiter_url: None,
        }
    }
}

impl StandaloneConfig {
    /// Returns `QUEUE_URL`, or else `sqlite:///…/queue.db?max_bytes=…`.
    ///
    /// # Errors
    /// When `DATA_DIR` cannot be part of a URL.
    pub fn queue_url(&self) -> Result<ServiceUrl, ConfigError> {
        let query = format!("?max_bytes={}", self.queue_max_bytes);
        or_embedded(self.queue_url.as_ref(), || self.embedded("sqlite", QUEUE_FILE, &query))
    }

    /// Returns `STORE_URL`, or else `sqlite:///…/store.db`.
    ///
    /// # Errors
    /// When `DATA_DIR` cannot be part of a URL.
    pub fn store_url(&self) -> Result<ServiceUrl, ConfigError> {
        or_embedded(self.store_url.as_ref(), || self.embedded("sqlite", STORE_FILE, ""))
    }

    /// Returns `INDEX_URL`, or else `tantivy:///…/index`, with `INDEX_ATTRIBUTES_MAX` as the option
    /// `attributes`.
    ///
    /// # Errors
    /// When `DATA_DIR` cannot be part of a URL.
    pub fn index_url(&self) -> Result<ServiceUrl, ConfigError> {
        let url = or_embedded(self.index_url.as_ref(), || self.embedded("tantivy", "index", ""))?;
        Ok(url.with_default_option("attributes", self.index_attributes_max))
    }

    /// Returns `CACHE_URL`, or else `memory:`.
    ///
    /// # Errors
    /// Never: the default is a valid URL.
    pub fn cache_url(&self) -> Result<ServiceUrl, ConfigError> {
        or_embedded(self.cache_url.as_ref(), || "memory:".parse())
    }

    /// Returns `LIMITER_URL`, or else the URL of the cache.
    ///
    /// # Errors
    /// Never: the default is a valid URL.
    pub fn limiter_url(&self) -> Result<ServiceUrl, ConfigError> {
        let url = self.limiter_url.as_ref().or(self.cache_url.as_ref());
        or_embedded(url, || "memory:".parse())
    }

    /// Checks that the embedded queue exists, for commands that must not create it.
    ///
    /// # Errors
    /// When `DATA_DIR` does not exist or contains no queue.
    pub fn require_queue(&self) -> Result<(), ConfigError> {
        if self.queue_url.is_some() || self.data_dir.join(QUEUE_FILE).exists() {
            return Ok(());
        }
        let data_dir = self.data_dir.display();
        let problem = if self.data_dir.exists() {
            format!("{data_dir} is not a LogPulse data directory: it has no {QUEUE_FILE}")
        } else {
            format!("{data_dir} does not exist; set it to the data directory of a LogPulse server")
        };
        Err(ConfigError::new("DATA_DIR", problem))
    }

    /// Checks that the queue and the store are in `DATA_DIR`, for commands that copy it.
    ///
    /// # Errors
    /// When `QUEUE_URL` or `STORE_URL` is set.
    pub fn require_embedded(&self) -> Result<(), ConfigError> {
        for (variable, url) in [("QUEUE_URL", &self.queue_url), ("STORE_URL", &self.store_url)] {
            if url.is_some() {
                let problem = "must be empty: this command only copies the queue and the store in \
                               DATA_DIR";
                return Err(ConfigError::new(variable, problem));
            }
        }
        Ok(())
    }

    fn embedded(&self, scheme: &str, name: &str, query: &str) -> Result<ServiceUrl, String> {
        let path = percent_encoded(&self.data_dir.join(name))?;
        format!("{scheme}://{path}{query}").parse()
    }
}

/// Returns the configured URL, or else the embedded adapter's URL.
fn or_embedded(
    configured: Option<&ServiceUrl>,
    embedded: impl Fn() -> Result<ServiceUrl, String>,
) -> Result<ServiceUrl, ConfigError> {
    match configured {
        Some(url) => Ok(url.clone()),
        None => embedded().map_err(|problem| ConfigError::new("DATA_DIR", problem)),
    }
}

/// Converts the path to an absolute URL path.
fn percent_encoded(path: &Path) -> Result<String, String> {
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    let url = Url::from_file_path(absolute).map_err(|()| "must be the path of a directory")?;
    Ok(url.path().to_owned())
}
