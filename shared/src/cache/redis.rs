//! The cache in Redis, shared by all replicas. The key `logpulse:entry:<id>` holds an entry's JSON, or
//! nothing if the entry has been removed.

use std::time::Duration;

use async_trait::async_trait;
use redis::{AsyncCommands, ExistenceCheck, SetExpiry, SetOptions};
use url::Url;

use super::{Cache, VARIABLE};
use crate::config::ConfigError;
use crate::error::{Error, Ready, Result};
use crate::log_entry::{EntryId, LogEntry};
use crate::redis::Redis;

/// How long Redis may take to respond before a request falls back to the store.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(100);

/// The value in place of an entry that has been removed.
const REMOVED: &[u8] = b"";

/// The number of commands that are sent together.
const MAX_COMMANDS: usize = 100;

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

    /// The expiry of every key.
    fn expiry(&self) -> SetExpiry {
        SetExpiry::EX(self.ttl.as_secs().max(1))
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
        let json = json.filter(|json| *json != REMOVED);
        let entry = json.as_deref().map(LogEntry::from_json).transpose();
        entry.map_err(|error| Error::rejected("cache", error))
    }

    async fn put(&self, entry: &LogEntry) -> Result<()> {
        let (key, json) = (self.key(entry.id), entry.to_json());
        let if_absent = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(self.expiry());
        self.redis.run(async |connection| connection.set_options(key, json, if_absent).await).await
    }

    async fn remove(&self, ids: &[EntryId]) -> Result<()> {
        let options = SetOptions::default().with_expiration(self.expiry());
        for ids in ids.chunks(MAX_COMMANDS) {
            let mut commands = redis::pipe();
            for id in ids {
                commands.set_options(self.key(*id), REMOVED, options.clone()).ignore();
            }
            let run = async |connection: &mut _| commands.query_async::<()>(connection).await;
            self.redis.run(run).await?;
        }
        Ok(())
    }
}
