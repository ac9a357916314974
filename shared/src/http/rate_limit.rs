//! The rate limit: each request takes a token of its client's bucket.
//! Fields of the answers: draft-ietf-httpapi-ratelimit-headers-11.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context;
use metrics::counter;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout};

use super::{client::ClientKey, failure::whole_seconds};
use crate::breaker::Breaker;
use crate::config::RateLimitConfig;
use crate::limiter::{self, Decision, Limiter, TokenBucket};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// How long a request waits for the limiter at most.
const PATIENCE: Duration = Duration::from_millis(50);

/// How many empty buckets are remembered.
const MAX_EMPTY_BUCKETS: usize = 4096;

/// A limiter, and what is known without asking it.
pub struct RateLimit {
    limiter: Arc<dyn Limiter>,
    policy: HeaderValue,
    empty: Mutex<EmptyBuckets>,
    breaker: Breaker,
}

/// When the next token comes for clients whose bucket is empty: they need not be asked about.
#[derive(Default)]
struct EmptyBuckets(HashMap<ClientKey, Instant>);

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
            empty: Mutex::default(),
            breaker: Breaker::default(),
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
        let bucket = TokenBucket::from(config);
        let limiter = limiter::open(config.url()?.expose(), bucket).await;
        Ok(Some(Self::new(limiter.context("opening the limiter")?, bucket)))
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
        if let Some(retry_after) = self.empty_buckets().next_token(client, now) {
            return Some(Verdict::Refused { retry_after });
        }
        self.breaker.is_open().then_some(Verdict::Unknown)
    }

    async fn try_acquire(&self, client: ClientKey) -> Verdict {
        let answer = timeout(PATIENCE, self.limiter.try_acquire(&client.to_string())).await;
        let error = match answer {
            Ok(Ok(Decision::Allowed { remaining })) => return Verdict::Allowed { remaining },
            Ok(Ok(Decision::Refused { retry_after })) => {
                self.empty_buckets().remember(client, retry_after, Instant::now());
                return Verdict::Refused { retry_after };
            }
            Ok(Err(error)) => anyhow::Error::from(error),
            Err(late) => anyhow::Error::from(late),
        };
        // Redis away is no reason to refuse anybody, nor to be slow a second time.
        self.breaker.open();
        counter!("rate_limit_failures_total").increment(1);
        tracing::warn!(error = format!("{error:#}"), "the limiter does not answer: requests pass");
        Verdict::Unknown
    }

    fn empty_buckets(&self) -> MutexGuard<'_, EmptyBuckets> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
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

impl EmptyBuckets {
    /// The time until the next token, if the client's bucket is known to be empty.
    fn next_token(&mut self, client: ClientKey, now: Instant) -> Option<Duration> {
        let until = *self.0.get(&client)?;
        if now < until {
            return Some(until - now);
        }
        self.0.remove(&client);
        None
    }

    fn remember(&mut self, client: ClientKey, retry_after: Duration, now: Instant) {
        if self.0.len() >= MAX_EMPTY_BUCKETS {
            self.0.retain(|_, until| now < *until);
        }
        if self.0.len() < MAX_EMPTY_BUCKETS {
            self.0.insert(client, now + retry_after);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::breaker::FIRST_PAUSE;
    use crate::error::{Error, Ready, Result};

    /// A limiter that always does the same, and counts how often it is asked.
    struct Always {
        answer: Answer,
        asked: AtomicUsize,
    }

    enum Answer {
        Decision(Decision),
        Error,
        Nothing,
    }

    #[async_trait]
    impl Ready for Always {
        async fn ready(&self) -> Result<()> {
            Ok(())
        }
    }

    #[async_trait]
    impl Limiter for Always {
        async fn try_acquire(&self, _: &str) -> Result<Decision> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            match self.answer {
                Answer::Decision(decision) => Ok(decision),
                Answer::Error => Err(Error::unavailable("limiter", "refused")),
                Answer::Nothing => std::future::pending().await,
            }
        }
    }

    fn limited_by(answer: Answer) -> (RateLimit, Arc<Always>) {
        let limiter = Arc::new(Always { answer, asked: AtomicUsize::new(0) });
        let bucket = TokenBucket::from(&RateLimitConfig::default());
        (RateLimit::new(Arc::clone(&limiter) as _, bucket), limiter)
    }

    fn client(number: u32) -> ClientKey {
        ClientKey::from_number(number)
    }

    fn fields(limit: &RateLimit, verdict: Verdict) -> Vec<String> {
        let mut headers = HeaderMap::new();
        limit.write_headers(verdict, &mut headers);
        let fields = headers.iter().map(|(name, value)| {
            let value = value.to_str().unwrap();
            format!("{name}: {value}")
        });
        fields.collect()
    }

    const HALF_A_SECOND: Duration = Duration::from_millis(500);

    const REFUSED: Answer = Answer::Decision(Decision::Refused { retry_after: HALF_A_SECOND });

    #[tokio::test]
    async fn an_allowed_request_tells_what_is_left() {
        let (limit, _) = limited_by(Answer::Decision(Decision::Allowed { remaining: 20 }));
        let verdict = limit.ask(client(1)).await;
        assert_eq!(verdict, Verdict::Allowed { remaining: 20 });
        let expected = ["ratelimit-policy: \"client\";q=100;w=2", "ratelimit: \"client\";r=20;t=1"];
        assert_eq!(fields(&limit, verdict), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_with_an_empty_bucket_is_refused_without_asking_until_its_refill() {
        let (limit, limiter) = limited_by(REFUSED);
        assert!(matches!(limit.ask(client(1)).await, Verdict::Refused { .. }));
        tokio::time::advance(Duration::from_millis(200)).await;
        let retry_after = Duration::from_millis(300);
        assert_eq!(limit.ask(client(1)).await, Verdict::Refused { retry_after });
        assert_eq!(limiter.asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(retry_after).await;
        limit.ask(client(1)).await;
        assert_eq!(limiter.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn another_client_is_asked_about_all_the_same() {
        let (limit, limiter) = limited_by(REFUSED);
        limit.ask(client(1)).await;
        limit.ask(client(2)).await;
        assert_eq!(limiter.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn no_flood_of_clients_makes_the_memory_grow() {
        let (limit, _) = limited_by(REFUSED);
        for number in 0..10_000 {
            limit.ask(client(number)).await;
        }
        let known = limit.empty.lock().unwrap().0.len();
        assert_eq!(known, MAX_EMPTY_BUCKETS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limiter_that_fails_is_left_alone_for_a_moment_while_requests_pass() {
        let (limit, limiter) = limited_by(Answer::Error);
        for _ in 0..10 {
            assert_eq!(limit.ask(client(1)).await, Verdict::Unknown);
        }
        assert_eq!(limiter.asked.load(Ordering::Relaxed), 1);
        assert_eq!(fields(&limit, Verdict::Unknown).len(), 1);
        tokio::time::advance(FIRST_PAUSE).await;
        limit.ask(client(1)).await;
        assert_eq!(limiter.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limiter_that_does_not_answer_costs_50_milliseconds_once() {
        let (limit, limiter) = limited_by(Answer::Nothing);
        let before = Instant::now();
        for _ in 0..10 {
            assert_eq!(limit.ask(client(1)).await, Verdict::Unknown);
        }
        assert_eq!(before.elapsed().as_millis(), PATIENCE.as_millis());
        assert_eq!(limiter.asked.load(Ordering::Relaxed), 1);
    }
}
