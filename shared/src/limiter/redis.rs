//! The limiter in Redis. All replicas take tokens from the same buckets,
//! `logpulse:bucket:<client>`, with a script that runs atomically in one round trip.

use std::time::Duration;

use async_trait::async_trait;
use redis::Script;
use url::Url;

use super::{Decision, Limiter, TokenBucket, VARIABLE};
use crate::config::ConfigError;
use crate::error::{Ready, Result};
use crate::redis::Redis;

/// How long Redis may take to respond before a request is allowed without a limit.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(50);

pub(super) struct RedisLimiter {
    redis: Redis,
    bucket: TokenBucket,
    script: Script,
}

impl RedisLimiter {
    /// Opens the limiter at `redis://host:6379`.
    pub(super) fn open(url: &Url, bucket: TokenBucket) -> std::result::Result<Self, ConfigError> {
        let script = Script::new(include_str!("bucket.lua"));
        let redis = Redis::open(VARIABLE, url, "limiter", RESPONSE_TIMEOUT)?;
        Ok(Self { redis, bucket, script })
    }
}

#[async_trait]
impl Ready for RedisLimiter {
    async fn ready(&self) -> Result<()> {
        self.redis.ping().await
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    async fn try_acquire(&self, client: &str) -> Result<Decision> {
        let mut call = self.script.key(self.redis.key("bucket", client));
        call.arg(self.bucket.capacity.get()).arg(self.bucket.rate.get());
        let (allowed, number): (bool, u64) =
            self.redis.run(async |connection| call.invoke_async(connection).await).await?;
        Ok(if allowed {
            Decision::Allowed { remaining: u32::try_from(number).unwrap_or(u32::MAX) }
        } else {
            Decision::Refused { retry_after: Duration::from_micros(number) }
        })
    }
}
