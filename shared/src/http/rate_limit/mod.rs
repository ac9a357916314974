//! The rate limit: each request takes a token from its client's bucket.
//! While the limiter is unavailable, all requests pass.

mod empty_buckets;
mod headers;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use metrics::counter;
use poem::http::HeaderMap;
use tokio::time::Instant;

use super::client::ClientKey;
use super::problem::chain;
use crate::config::RateLimitConfig;
use crate::error::Error;
use crate::limiter::{self, Decision, Limiter, TokenBucket};
use crate::telemetry::{RATE_LIMIT_METRICS, start_counters};
use empty_buckets::EmptyBuckets;
use headers::RateLimitHeaders;

/// Limits the request rate of each client.
pub struct RateLimit {
    limiter: Arc<dyn Limiter>,
    empty_buckets: EmptyBuckets,
    headers: RateLimitHeaders,
}

/// The outcome for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The request passes; `remaining` more may follow immediately.
    Allowed { remaining: u32 },
    /// The request passes because the limiter is unavailable.
    Unknown,
    /// The request is refused; the next token arrives after `retry_after`.
    Refused { retry_after: Duration },
}

impl RateLimit {
    /// Gives every client its own bucket with this capacity and rate.
    #[must_use]
    pub fn new(limiter: Arc<dyn Limiter>, bucket: TokenBucket) -> Self {
        start_counters(&RATE_LIMIT_METRICS);
        let headers = RateLimitHeaders::new(bucket);
        Self { limiter, empty_buckets: EmptyBuckets::default(), headers }
    }

    /// Opens the configured limiter, or returns `None` if the rate limit is disabled.
    ///
    /// # Errors
    /// When neither `LIMITER_URL` nor `CACHE_URL` is set, or the limiter cannot be opened.
    pub async fn open(config: &RateLimitConfig) -> anyhow::Result<Option<Self>> {
        if !config.enabled {
            return Ok(None);
        }
        let bucket = TokenBucket::from(config);
        let limiter = limiter::open(config.url()?.expose(), bucket).await;
        Ok(Some(Self::new(limiter.context("opening the limiter")?, bucket)))
    }

    /// Takes a token for the client. Skips the limiter while the bucket is known to be empty.
    pub(super) async fn take_token(&self, client: ClientKey) -> Outcome {
        let outcome = match self.empty_buckets.retry_after(client, Instant::now()) {
            Some(retry_after) => Outcome::Refused { retry_after },
            None => self.call_limiter(client).await,
        };
        counter!("rate_limit_decisions_total", "decision" => outcome.label()).increment(1);
        outcome
    }

    async fn call_limiter(&self, client: ClientKey) -> Outcome {
        match self.limiter.try_acquire(&client.to_string()).await {
            Ok(Decision::Allowed { remaining }) => Outcome::Allowed { remaining },
            Ok(Decision::Refused { retry_after }) => {
                self.empty_buckets.insert(client, retry_after, Instant::now());
                Outcome::Refused { retry_after }
            }
            Err(error) => {
                report_failure(&error);
                Outcome::Unknown
            }
        }
    }

    /// Adds the rate limit headers to a response.
    pub(super) fn write_headers(&self, outcome: Outcome, headers: &mut HeaderMap) {
        self.headers.write(outcome, headers);
    }
}

/// Counts and logs a failure of the limiter, but only once while its circuit breaker is open.
fn report_failure(error: &Error) {
    if error.is_repeated() {
        return;
    }
    counter!("rate_limit_failures_total").increment(1);
    tracing::warn!(error = chain(error), "the limiter failed; requests pass without a limit");
}

impl Outcome {
    /// The value of the metric's `decision` label.
    fn label(self) -> &'static str {
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
    use crate::error::{Ready, Result};

    const HALF_A_SECOND: Duration = Duration::from_millis(500);

    /// A limiter that always returns the same decision and counts its calls.
    struct FixedLimiter {
        decision: Option<Decision>,
        calls: AtomicUsize,
    }

    #[async_trait]
    impl Ready for FixedLimiter {
        async fn ready(&self) -> Result<()> {
            Ok(())
        }
    }

    #[async_trait]
    impl Limiter for FixedLimiter {
        async fn try_acquire(&self, _: &str) -> Result<Decision> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            self.decision.ok_or_else(|| Error::unavailable("limiter", "connection refused"))
        }
    }

    /// Creates a rate limit with a limiter that always returns `decision`, or fails if it is
    /// `None`.
    fn limited_by(decision: Option<Decision>) -> (RateLimit, Arc<FixedLimiter>) {
        let limiter = Arc::new(FixedLimiter { decision, calls: AtomicUsize::new(0) });
        let bucket = TokenBucket::from(&RateLimitConfig::default());
        (RateLimit::new(Arc::clone(&limiter) as _, bucket), limiter)
    }

    fn client(number: u32) -> ClientKey {
        ClientKey::from_number(number)
    }

    #[tokio::test]
    async fn an_allowed_request_reports_the_remaining_tokens() {
        let (limit, _) = limited_by(Some(Decision::Allowed { remaining: 20 }));
        assert_eq!(limit.take_token(client(1)).await, Outcome::Allowed { remaining: 20 });
    }

    #[tokio::test(start_paused = true)]
    async fn the_limiter_is_not_called_while_a_bucket_is_known_to_be_empty() {
        let (limit, limiter) = limited_by(Some(Decision::Refused { retry_after: HALF_A_SECOND }));
        assert!(matches!(limit.take_token(client(1)).await, Outcome::Refused { .. }));
        tokio::time::advance(Duration::from_millis(200)).await;
        let retry_after = Duration::from_millis(300);
        assert_eq!(limit.take_token(client(1)).await, Outcome::Refused { retry_after });
        assert_eq!(limiter.calls.load(Ordering::Relaxed), 1);
        tokio::time::advance(retry_after).await;
        limit.take_token(client(1)).await;
        assert_eq!(limiter.calls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn an_empty_bucket_does_not_affect_other_clients() {
        let (limit, limiter) = limited_by(Some(Decision::Refused { retry_after: HALF_A_SECOND }));
        limit.take_token(client(1)).await;
        limit.take_token(client(2)).await;
        assert_eq!(limiter.calls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn requests_pass_while_the_limiter_is_unavailable() {
        let (limit, _) = limited_by(None);
        assert_eq!(limit.take_token(client(1)).await, Outcome::Unknown);
    }
}
