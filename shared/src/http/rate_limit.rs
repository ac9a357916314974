//! The rate limit: each request takes a token of its client's bucket.
//! Fields of the answers: draft-ietf-httpapi-ratelimit-headers-11.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use metrics::counter;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout};

use super::{client::ClientKey, failure::whole_seconds};
use crate::config::RateLimitConfig;
use crate::limiter::{self, Decision, Limiter, TokenBucket};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// How long a request waits for the limiter at most.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long the limiter is left alone after it failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How many empty buckets are remembered.
const MAX_EMPTY_BUCKETS: usize = 4096;

/// A limiter, and what is known without asking it.
pub struct RateLimit {
    limiter: Arc<dyn Limiter>,
    policy: HeaderValue,
    known: Mutex<Known>,
}

/// What need not be asked again.
#[derive(Default)]
struct Known {
    /// When the next token comes for clients whose bucket is empty.
    empty: HashMap<ClientKey, Instant>,
    /// Until when the limiter, which failed, is left alone.
    paused: Option<Instant>,
}

/// What the rate limit says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It passes, and so many may follow at once.
    Allowed { remaining: u32 },
    /// It passes because the limiter does not answer.
    Unknown,
    /// It does not: the next token comes after this time.
    Refused { retry_after: Duration },
}

impl RateLimit {
    /// Limits every client to this bucket.
    #[must_use]
    pub fn new(limiter: Arc<dyn Limiter>, bucket: TokenBucket) -> Self {
        let window = bucket.capacity.get().div_ceil(bucket.rate.get());
        let policy = format!("\"client\";q={};w={window}", bucket.capacity);
        Self {
            limiter,
            policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("")),
            known: Mutex::default(),
        }
    }

    /// Opens the limiter of the settings; `None` if they say that nobody is limited.
    ///
    /// # Errors
    /// When no limiter is named, or it cannot be opened.
    pub async fn open(config: &RateLimitConfig) -> anyhow::Result<Option<Self>> {
        if !config.enabled {
            return Ok(None);
        }
        let limiter =
            limiter::open(config.url()?, config.bucket()).await.context("opening the limiter")?;
        Ok(Some(Self::new(limiter, config.bucket())))
    }

    /// Takes a token for the client. Asks the limiter at most once, and not if the answer is known.
    pub(super) async fn ask(&self, client: ClientKey) -> Verdict {
        let verdict = match self.recall(client, Instant::now()) {
            Some(known) => known,
            None => self.try_acquire(client).await,
        };
        counter!("rate_limit_decisions_total", "decision" => verdict.name()).increment(1);
        verdict
    }

    /// What is known of the client's bucket without asking.
    fn recall(&self, client: ClientKey, now: Instant) -> Option<Verdict> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = known.empty.get(&client).copied() {
            if now < until {
                let retry_after = until - now;
                return Some(Verdict::Refused { retry_after });
            }
            known.empty.remove(&client);
        }
        let paused = known.paused.is_some_and(|until| now < until);
        paused.then_some(Verdict::Unknown)
    }

    async fn try_acquire(&self, client: ClientKey) -> Verdict {
        let answer = timeout(PATIENCE, self.limiter.try_acquire(&client.to_string())).await;
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let error = match answer {
            Ok(Ok(Decision::Allowed { remaining })) => return Verdict::Allowed { remaining },
            Ok(Ok(Decision::Refused { retry_after })) => {
                known.remember_empty(client, now + retry_after, now);
                return Verdict::Refused { retry_after };
            }
            Ok(Err(error)) => anyhow::Error::from(error),
            Err(late) => anyhow::Error::from(late),
        };
        // Redis away is no reason to refuse anybody, nor to be slow a second time.
        known.paused = Some(now + PAUSE);
        drop(known);
        counter!("rate_limit_failures_total").increment(1);
        tracing::warn!(error = format!("{error:#}"), "the limiter does not answer: requests pass");
        Verdict::Unknown
    }

    /// The fields that tell a client how it stands.
    pub(super) fn write_headers(&self, verdict: Verdict, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policy.clone());
        let limit = match verdict {
            // A bucket gains a token a second at least.
            Verdict::Allowed { remaining } => format!("\"client\";r={remaining};t=1"),
            Verdict::Refused { retry_after } => {
                format!("\"client\";r=0;t={}", whole_seconds(retry_after))
            }
            Verdict::Unknown => return,
        };
        if let Ok(limit) = HeaderValue::try_from(limit) {
            headers.insert(LIMIT, limit);
        }
    }
}

impl Known {
    fn remember_empty(&mut self, client: ClientKey, until: Instant, now: Instant) {
        if self.empty.len() >= MAX_EMPTY_BUCKETS {
            self.empty.retain(|_, until| now < *until);
        }
        if self.empty.len() < MAX_EMPTY_BUCKETS {
            self.empty.insert(client, until);
        }
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Allowed { .. } => "allowed",
            Self::Unknown => "unknown",
            Self::Refused { .. } => "refused",
        }
    }
}
