//! The limiter: one token bucket per client, so that no single client can overload the server.
//! Adapters: governor, in memory (embedded), and Redis (cluster).

#[cfg(feature = "memory")]
mod governor;
#[cfg(feature = "redis")]
mod redis;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::config::RateLimitConfig;
use crate::config::url_options::unknown_scheme;
use crate::error::{Ready, Result};

/// The capacity and the refill rate of every client's bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    /// The number of tokens in a full bucket, and so the size of the largest burst.
    pub capacity: NonZeroU32,
    /// The number of tokens added per second.
    pub rate: NonZeroU32,
}

impl From<&RateLimitConfig> for TokenBucket {
    fn from(config: &RateLimitConfig) -> Self {
        Self { capacity: config.capacity, rate: config.rate }
    }
}

/// The result of trying to take a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A token was taken.
    Allowed {
        /// The number of tokens left in the bucket.
        remaining: u32,
    },
    /// The bucket is empty.
    Refused {
        /// The time until the next token.
        retry_after: Duration,
    },
}

/// Limits the request rate of each client.
///
/// # Contract
/// * A client can send bursts of up to `capacity` requests, and `rate` requests per second on
///   average.
/// * Every client has its own bucket.
/// * If the limiter fails, callers let the request pass.
/// * A limiter that does not respond delays one request by at most 50 ms. After that, calls fail
///   immediately for a short time. Callers need neither a timeout nor a circuit breaker.
#[async_trait]
pub trait Limiter: Ready {
    /// Takes a token from the bucket of `client`.
    ///
    /// # Errors
    /// When the limiter does not respond ([`Error::Unavailable`](crate::Error::Unavailable)).
    async fn try_acquire(&self, client: &str) -> Result<Decision>;
}

/// The variable that holds the limiter's URL.
const VARIABLE: &str = "LIMITER_URL";

const SCHEMES: &[&str] = &[
    #[cfg(feature = "memory")]
    "memory",
    #[cfg(feature = "redis")]
    "redis",
];

/// Opens the limiter at this URL.
///
/// * `memory:`: in this process. Full buckets are removed periodically.
/// * `redis://host:6379/0`: a Redis database, which need not be running yet. Keys start with
///   `logpulse:`, or with the `prefix` option: `?prefix=name`.
///
/// # Errors
/// When the URL is invalid.
#[cfg_attr(
    not(any(feature = "memory", feature = "redis")),
    expect(unused_variables, reason = "only adapters use every parameter")
)]
pub async fn open(url: &Url, bucket: TokenBucket) -> anyhow::Result<Arc<dyn Limiter>> {
    match url.scheme() {
        #[cfg(feature = "memory")]
        "memory" => Ok(Arc::new(governor::GovernorLimiter::open(url, bucket)?)),
        #[cfg(feature = "redis")]
        "redis" => Ok(Arc::new(redis::RedisLimiter::open(url, bucket)?)),
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}
