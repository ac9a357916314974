//! The settings: one struct a concern, read from the environment here and nowhere else.
//! Every problem names its variable. An empty value counts as absent.

mod service_url;
mod standalone;
mod url_options;
mod value;

use std::{cell::RefCell, io::IsTerminal, net::IpAddr, num::NonZeroU32, time::Duration};

use ipnet::IpNet;
use serde::{Deserialize, de::DeserializeOwned};

pub use service_url::ServiceUrl;
pub use standalone::StandaloneConfig;
pub(crate) use url_options::{UrlOptions, unknown_scheme};

use crate::limiter::TokenBucket;

/// The exit code of a process whose settings are wrong (sysexits.h).
pub const EX_CONFIG: u8 = 78;

/// A setting that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// The variable's name.
    pub variable: String,
    /// What is wrong with it and what it should be.
    pub problem: String,
}

impl ConfigError {
    /// What is wrong with the variable.
    #[must_use]
    pub fn new(variable: &str, problem: impl Into<String>) -> Self {
        Self { variable: variable.to_owned(), problem: problem.into() }
    }
}

/// How a function is served.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct HttpConfig {
    /// The address or host name to listen on. `HOST`, default 127.0.0.1: there is no
    /// authentication.
    #[serde(deserialize_with = "value::text")]
    pub host: String,
    /// The port to listen on; 0: any that is free. `PORT`, default 8080.
    #[serde(deserialize_with = "value::number::<0, 65_535, _, _>")]
    pub port: u16,
    /// Networks whose `X-Real-IP`, `X-Request-Id` and `X-Request-Start` are believed: addresses
    /// and CIDRs with commas between. `TRUSTED_PROXIES`, default none.
    #[serde(deserialize_with = "value::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// How long requests in flight may take to finish on SIGTERM. `SHUTDOWN_TIMEOUT_SECONDS`,
    /// default 30.
    #[serde(
        rename = "shutdown_timeout_seconds",
        deserialize_with = "value::seconds::<1, 3600, _>"
    )]
    pub shutdown_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]).to_string(),
            port: 8080,
            trusted_proxies: Vec::new(),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// How fast one client may ask.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct RateLimitConfig {
    /// Whether clients are limited at all. `RATE_LIMIT_ENABLED`, default true.
    #[serde(rename = "rate_limit_enabled", deserialize_with = "value::boolean")]
    pub enabled: bool,
    /// The tokens of a full bucket: the burst that is allowed. `RATE_LIMIT_CAPACITY`, default 100.
    #[serde(
        rename = "rate_limit_capacity",
        deserialize_with = "value::number::<1, 1_000_000, _, _>"
    )]
    pub capacity: NonZeroU32,
    /// Tokens that a bucket gains a second. `RATE_LIMIT_RATE`, default 50.
    #[serde(rename = "rate_limit_rate", deserialize_with = "value::number::<1, 1_000_000, _, _>")]
    pub rate: NonZeroU32,
    /// Where the buckets are. `LIMITER_URL`, default `CACHE_URL`.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub limiter_url: Option<ServiceUrl>,
    /// Where the buckets are without `LIMITER_URL`. `CACHE_URL`.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub cache_url: Option<ServiceUrl>,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            capacity: NonZeroU32::MIN.saturating_add(99),
            rate: NonZeroU32::MIN.saturating_add(49),
            limiter_url: None,
            cache_url: None,
        }
    }
}

impl RateLimitConfig {
    /// Every client's bucket.
    #[must_use]
    pub fn bucket(&self) -> TokenBucket {
        TokenBucket { capacity: self.capacity, rate: self.rate }
    }

    /// Where the buckets are.
    ///
    /// # Errors
    /// When neither `LIMITER_URL` nor `CACHE_URL` says it.
    pub fn url(&self) -> Result<&ServiceUrl, ConfigError> {
        let url = self.limiter_url.as_ref().or(self.cache_url.as_ref());
        url.ok_or_else(|| ConfigError {
            variable: "LIMITER_URL".to_owned(),
            problem: "is missing, and CACHE_URL, which would do, is missing too".to_owned(),
        })
    }
}

/// What a request may carry.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct LimitsConfig {
    /// The largest body of a request, as sent and as decompressed. `MAX_BODY_BYTES`, default
    /// 10 MiB.
    #[serde(deserialize_with = "value::number::<1, 1_073_741_824, _, _>")]
    pub max_body_bytes: usize,
    /// The largest entry, as JSON. `MAX_ENTRY_BYTES`, default 1 MiB, which is the most that a
    /// record has room for.
    #[serde(deserialize_with = "value::number::<1, 1_048_576, _, _>")]
    pub max_entry_bytes: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { max_body_bytes: 10 * 1024 * 1024, max_entry_bytes: 1024 * 1024 }
    }
}

/// Where the queue is.
#[derive(Debug, Clone, Deserialize)]
pub struct QueueConfig {
    /// The queue. `QUEUE_URL`, required.
    #[serde(deserialize_with = "value::parsed")]
    pub queue_url: ServiceUrl,
}

/// Where the store is.
#[derive(Debug, Clone, Deserialize)]
pub struct StoreConfig {
    /// The store. `STORE_URL`, required.
    #[serde(deserialize_with = "value::parsed")]
    pub store_url: ServiceUrl,
}

/// Where the index is.
#[derive(Debug, Clone, Deserialize)]
pub struct IndexConfig {
    /// The index. `INDEX_URL`, required.
    #[serde(deserialize_with = "value::parsed")]
    pub index_url: ServiceUrl,
}

/// Where the cache is, and for how long it keeps an entry.
#[derive(Debug, Clone, Deserialize)]
pub struct CacheConfig {
    /// The cache. `CACHE_URL`, required.
    #[serde(deserialize_with = "value::parsed")]
    pub cache_url: ServiceUrl,
    /// How long an entry stays in the cache. `CACHE_TTL_SECONDS`, default 3600.
    #[serde(
        rename = "cache_ttl_seconds",
        default = "cache_ttl",
        deserialize_with = "value::seconds::<1, 2_592_000, _>"
    )]
    pub ttl: Duration,
}

/// The default of `CACHE_TTL_SECONDS`.
fn cache_ttl() -> Duration {
    Duration::from_hours(1)
}

/// How much the consumer writes at a time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct BatchConfig {
    /// A batch is written from so many entries on. `BATCH_MAX_ENTRIES`, default 5000.
    #[serde(rename = "batch_max_entries", deserialize_with = "value::number::<1, 100_000, _, _>")]
    pub max_entries: usize,
    /// How long a batch waits for more entries. `BATCH_MAX_WAIT_MS`, default 200.
    #[serde(
        rename = "batch_max_wait_ms",
        deserialize_with = "value::milliseconds::<1, 60_000, _>"
    )]
    pub max_wait: Duration,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self { max_entries: 5000, max_wait: Duration::from_millis(200) }
    }
}

/// How much is logged, and how it looks.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct TelemetryConfig {
    /// What is logged: `info`, or `warn,shared=debug`. `RUST_LOG`, default info.
    #[serde(deserialize_with = "value::text")]
    pub rust_log: String,
    /// `text` or `json`. `LOG_FORMAT`, default text on a terminal and json elsewhere.
    #[serde(deserialize_with = "value::parsed")]
    pub log_format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            rust_log: "info".to_owned(),
            log_format: if terminal { LogFormat::Text } else { LogFormat::Json },
        }
    }
}

impl std::str::FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be text or json"),
        }
    }
}

/// Reads the settings of one concern from the environment.
///
/// # Errors
/// [`ConfigError`] names the first variable that is missing or wrong.
pub fn load<T: DeserializeOwned>() -> Result<T, ConfigError> {
    // What is not UTF-8 gets the replacement character, which no value may hold.
    load_from(std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    }))
}

/// Reads the settings of one concern from these variables.
///
/// # Errors
/// [`ConfigError`] names the first variable that is missing or wrong.
pub fn load_from<T: DeserializeOwned>(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    // envy takes names in any case and does not say whose value failed: the last one it was given.
    let last = RefCell::new(String::new());
    let given = variables
        .into_iter()
        .filter(|(name, value)| !value.trim().is_empty() && *name == name.to_uppercase())
        .inspect(|(name, _)| last.borrow_mut().clone_from(name));
    envy::from_iter(given).map_err(|error| match error {
        envy::Error::MissingValue(field) => {
            ConfigError { variable: field.to_uppercase(), problem: "is missing".to_owned() }
        }
        envy::Error::Custom(problem) => ConfigError { variable: last.borrow().clone(), problem },
    })
}

#[cfg(test)]
mod tests;
