//! The cache in Redis, shared by all replicas. The key `logpulse:entry:<id>` holds an entry's JSON.

use std::time::Duration;

use async_trait::async_trait;
use redis::AsyncCommands;
use url::Url;

use super::{Cache, VARIABLE};
use crate::config::ConfigError;
use crate::error::{Error, Ready, Result};
use crate::log_entry::{EntryId, LogEntry};
use crate::redis::Redis;

/// How long Redis may take to respond before a request falls back to the store.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(100);

pub(super) struct RedisCache {
    redis: Redis,
    ttl: Duration,
}

impl RedisCache {
    /// Opens the cache at `redis://host:6379`. Entries expire after `ttl`.
    pub(super) fn open(url: &Url, ttl: Duration) -> std::result::Result<Self, ConfigError> {
        Ok(Self { redis: Redis::open(VARIABLE, url, "cache", RESPONSE_TIMEOUT)?, ttl })
    }

    fn key(&self, id: EntryId) -> String {
        self.redis.key("entry", id)
    }
}

#[async_trait]
impl Ready for RedisCache {
    async fn ready(&self) -> Result<()> {
        self.redis.ping().await
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        let key = self.key(id);
        let json: Option<Vec<u8>> =
            self.redis.run(async |connection| connection.get(key).await).await?;
        let entry = json.as_deref().map(LogEntry::from_json).transpose();
        entry.map_err(|error| Error::rejected("cache", error))
    }

    async fn put(&self, entry: &LogEntry) -> Result<()> {
        let (key, json) = (self.key(entry.id), entry.to_json());
        let ttl = self.ttl.as_secs().max(1);
        self.redis.run(async |connection| connection.set_ex(key, json, ttl).await).await
    }
}
