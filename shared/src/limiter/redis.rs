//! The limiter in Redis. All replicas take tokens from the same buckets,
//! `logpulse:bucket:<client>`, with a script that runs atomically in one round trip. While a call
//! for a client is in flight, its further requests gather, and the next call takes a token for each.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::Script;
use tokio::sync::oneshot;
use tokio::time::timeout;
use url::Url;

use super::{Decision, Limiter, TokenBucket, VARIABLE};
use crate::config::ConfigError;
use crate::error::{Error, Ready, Result, Source};
use crate::redis::Redis;

/// How long Redis may take to respond before a request is allowed without a limit.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(50);

/// The error for every request of a call that failed.
type Outcome = std::result::Result<Decision, Arc<Error>>;

/// A request that waits for the next call.
type Reply = oneshot::Sender<Outcome>;

pub(super) struct RedisLimiter(Arc<Calls>);

/// The calls to Redis, at most one at a time for each client.
struct Calls {
    redis: Redis,
    bucket: TokenBucket,
    script: Script,
    /// For each client with a call in flight, the requests that wait for the next one.
    waiting: Mutex<HashMap<String, Vec<Reply>>>,
}

/// The response to a call.
struct Taken {
    tokens: usize,
    remaining: u32,
    next_token_after: Duration,
}

impl RedisLimiter {
    /// Opens the limiter at `redis://host:6379`.
    pub(super) fn open(url: &Url, bucket: TokenBucket) -> std::result::Result<Self, ConfigError> {
        let script = Script::new(include_str!("bucket.lua"));
        let redis = Redis::open(VARIABLE, url, "limiter", RESPONSE_TIMEOUT)?;
        Ok(Self(Arc::new(Calls { redis, bucket, script, waiting: Mutex::default() })))
    }
}

#[async_trait]
impl Ready for RedisLimiter {
    async fn ready(&self) -> Result<()> {
        self.0.redis.ping().await
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    async fn try_acquire(&self, client: &str) -> Result<Decision> {
        let (reply, outcome) = oneshot::channel();
        if self.0.add(client, reply) {
            // In a task, because others wait for the call even if this request is cancelled.
            tokio::spawn(Arc::clone(&self.0).run(client.to_owned()));
        }
        let outcome = timeout(RESPONSE_TIMEOUT, outcome).await.map_err(unavailable)?;
        outcome.map_err(unavailable)?.map_err(Error::shared)
    }
}

impl Calls {
    /// Adds a request to the next call. Returns whether nobody makes calls for the client.
    fn add(&self, client: &str, reply: Reply) -> bool {
        let mut waiting = self.waiting();
        if let Some(replies) = waiting.get_mut(client) {
            replies.push(reply);
            return false;
        }
        waiting.insert(client.to_owned(), vec![reply]);
        true
    }

    /// Makes calls for the client until no request waits.
    async fn run(self: Arc<Self>, client: String) {
        while let Some(replies) = self.next(&client) {
            let taken = self.take(&client, replies.len()).await.map_err(Arc::new);
            for (position, reply) in replies.into_iter().enumerate() {
                // The receiver is dropped if its request was cancelled.
                let _ = reply
                    .send(taken.as_ref().map(|taken| taken.decision(position)).map_err(Arc::clone));
            }
        }
    }

    /// The requests of the next call. Without any, the client is removed.
    fn next(&self, client: &str) -> Option<Vec<Reply>> {
        let mut waiting = self.waiting();
        let mut replies = mem::take(waiting.get_mut(client)?);
        // Requests that have been cancelled need no tokens.
        replies.retain(|reply| !reply.is_closed());
        if replies.is_empty() {
            waiting.remove(client);
            return None;
        }
        Some(replies)
    }

    /// Takes up to this number of tokens from the client's bucket.
    async fn take(&self, client: &str, tokens: usize) -> Result<Taken> {
        let mut call = self.script.key(self.redis.key("bucket", client));
        call.arg(self.bucket.capacity.get()).arg(self.bucket.rate.get()).arg(tokens);
        let (tokens, remaining, micros): (usize, u32, u64) =
            self.redis.run(async |connection| call.invoke_async(connection).await).await?;
        Ok(Taken { tokens, remaining, next_token_after: Duration::from_micros(micros) })
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Vec<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// The decision for the request at this position in the call: the first ones get the tokens.
    fn decision(&self, position: usize) -> Decision {
        if position >= self.tokens {
            return Decision::Refused { retry_after: self.next_token_after };
        }
        let later = u32::try_from(self.tokens - position - 1).unwrap_or(u32::MAX);
        Decision::Allowed { remaining: self.remaining.saturating_add(later) }
    }
}

fn unavailable(source: impl Into<Source>) -> Error {
    Error::unavailable("limiter", source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_requests_of_a_call_get_its_tokens() {
        let second = Duration::from_secs(1);
        let taken = Taken { tokens: 2, remaining: 0, next_token_after: second };
        let decisions = [0, 1, 2].map(|position| taken.decision(position));
        let refused = Decision::Refused { retry_after: second };
        let allowed = |remaining| Decision::Allowed { remaining };
        assert_eq!(decisions, [allowed(1), allowed(0), refused]);
    }
}
