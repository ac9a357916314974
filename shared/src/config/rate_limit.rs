//! Rate limit settings.

use std::num::NonZeroU32;

use serde::Deserialize;

use super::{ConfigError, ServiceUrl, value};

/// The rate limit for each client: a token bucket.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct RateLimitConfig {
    /// Whether clients are rate limited. `RATE_LIMIT_ENABLED`, default true.
    #[serde(rename = "rate_limit_enabled", deserialize_with = "value::boolean")]
    pub enabled: bool,
    /// The capacity of a client's bucket in tokens, which is the largest burst.
    /// `RATE_LIMIT_CAPACITY`, default 100.
    #[serde(
        rename = "rate_limit_capacity",
        deserialize_with = "value::number::<1, 1_000_000, _, _>"
    )]
    pub capacity: NonZeroU32,
    /// The refill rate of a bucket in tokens per second. `RATE_LIMIT_RATE`, default 50.
    #[serde(rename = "rate_limit_rate", deserialize_with = "value::number::<1, 1_000_000, _, _>")]
    pub rate: NonZeroU32,
    /// The URL of the limiter, which stores the buckets. `LIMITER_URL`, default `CACHE_URL`.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub limiter_url: Option<ServiceUrl>,
    /// The URL of the limiter if `LIMITER_URL` is not set. `CACHE_URL`, default none.
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
    /// Returns the URL of the limiter.
    ///
    /// # Errors
    /// When neither `LIMITER_URL` nor `CACHE_URL` is set.
    pub fn url(&self) -> Result<&ServiceUrl, ConfigError> {
        let url = self.limiter_url.as_ref().or(self.cache_url.as_ref());
        url.ok_or_else(|| {
            ConfigError::new("LIMITER_URL", "is missing, and so is CACHE_URL, its default")
        })
    }
}
