//! The limiter: a token bucket a client, so that one client cannot take the place of all.
//! Adapters: governor (embedded), Redis (cluster).

#[cfg(feature = "memory")]
mod governor;
#[cfg(feature = "redis")]
mod redis;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use url::Url;

use crate::config::unknown_scheme;
use crate::error::{Ready, Result};

/// How large every client's bucket is, and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    /// The most tokens that a bucket holds: the burst that is allowed.
    pub capacity: NonZeroU32,
    /// Tokens that a bucket gains a second.
    pub rate: NonZeroU32,
}

/// What became of a request for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A token was taken; `remaining` are left.
    Allowed {
        /// Tokens left in the bucket.
        remaining: u32,
    },
    /// The bucket is empty; the next token comes after `retry_after`.
    Refused {
        /// The time until a token can be taken.
        retry_after: Duration,
    },
}

/// Gives tokens to clients.
///
/// # Contract
/// * A client that asks faster than `rate` gets `capacity` tokens at once and `rate` a second after.
/// * Clients do not share buckets.
/// * An error is never a reason to refuse a request: let it pass.
#[async_trait]
pub trait Limiter: Ready {
    /// Takes a token from the bucket of `client`.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the limiter does not answer.
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

/// Opens the limiter that the URL names.
///
/// * `memory:`: in this process; clients of the last moments only.
/// * `redis://host:6379/0`: a database of Redis, which may be away; the keys begin with `logpulse:`,
///   or as `?prefix=name` says.
///
/// # Errors
/// When the scheme is unknown, or the URL is wrong.
pub async fn open(url: &Url, bucket: TokenBucket) -> anyhow::Result<Arc<dyn Limiter>> {
    match url.scheme() {
        #[cfg(feature = "memory")]
        "memory" => Ok(Arc::new(governor::GovernorLimiter::open(url, bucket)?)),
        #[cfg(feature = "redis")]
        "redis" => Ok(Arc::new(redis::RedisLimiter::open(url, bucket)?)),
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}
