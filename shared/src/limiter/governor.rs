//! The in-memory limiter. Buckets that are full again are removed, because a new bucket starts
//! full.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use url::Url;

use super::{Decision, Limiter, TokenBucket, VARIABLE};
use crate::config::ConfigError;
use crate::config::url_options::UrlOptions;
use crate::error::{Ready, Result};

/// The number of requests between sweeps. A sweep removes full buckets, which bounds memory.
const SWEEP_INTERVAL_REQUESTS: u32 = 10_000;

type Buckets<C> = RateLimiter<String, DashMapStateStore<String>, C, StateInformationMiddleware>;

pub(super) struct GovernorLimiter<C: Clock = DefaultClock> {
    buckets: Buckets<C>,
    requests: AtomicU32,
}

impl GovernorLimiter {
    /// Opens the limiter at `memory:`.
    pub(super) fn open(url: &Url, bucket: TokenBucket) -> std::result::Result<Self, ConfigError> {
        UrlOptions::parse(VARIABLE, url, &[])?;
        Ok(Self::with_clock(bucket, DefaultClock::default()))
    }
}

impl<C: Clock> GovernorLimiter<C> {
    fn with_clock(bucket: TokenBucket, clock: C) -> Self {
        let quota = Quota::per_second(bucket.rate).allow_burst(bucket.capacity);
        Self {
            buckets: RateLimiter::dashmap_with_clock(quota, clock).with_middleware(),
            requests: AtomicU32::new(0),
        }
    }

    fn sweep_if_due(&self) {
        let requests = self.requests.fetch_add(1, Ordering::Relaxed);
        if requests % SWEEP_INTERVAL_REQUESTS == SWEEP_INTERVAL_REQUESTS - 1 {
            self.buckets.retain_recent();
            self.buckets.shrink_to_fit();
        }
    }
}

#[async_trait]
impl<C: Clock + Send + Sync> Ready for GovernorLimiter<C> {
    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl<C: Clock + Send + Sync> Limiter for GovernorLimiter<C> {
    async fn try_acquire(&self, client: &str) -> Result<Decision> {
        self.sweep_if_due();
        Ok(match self.buckets.check_key(&client.to_owned()) {
            Ok(bucket) => Decision::Allowed { remaining: bucket.remaining_burst_capacity() },
            Err(refused) => Decision::Refused {
                retry_after: refused.wait_time_from(self.buckets.clock().now()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limiter(
        capacity: u32,
        rate: u32,
    ) -> (GovernorLimiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let bucket = TokenBucket {
            capacity: NonZeroU32::new(capacity).unwrap(),
            rate: NonZeroU32::new(rate).unwrap(),
        };
        (GovernorLimiter::with_clock(bucket, clock.clone()), clock)
    }

    #[tokio::test]
    async fn a_bucket_allows_a_burst_and_then_refills_at_its_rate() {
        let (limiter, clock) = limiter(3, 2);
        for remaining in [2, 1, 0] {
            let decision = limiter.try_acquire("a").await.unwrap();
            assert_eq!(decision, Decision::Allowed { remaining });
        }
        let retry_after = Duration::from_millis(500);
        let refused = Decision::Refused { retry_after };
        assert_eq!(limiter.try_acquire("a").await.unwrap(), refused);
        clock.advance(retry_after);
        let allowed = Decision::Allowed { remaining: 0 };
        assert_eq!(limiter.try_acquire("a").await.unwrap(), allowed);
        assert_eq!(limiter.try_acquire("a").await.unwrap(), refused);
    }

    #[tokio::test]
    async fn a_bucket_holds_at_most_its_capacity() {
        let (limiter, clock) = limiter(3, 2);
        limiter.try_acquire("a").await.unwrap();
        clock.advance(Duration::from_hours(1));
        let decision = limiter.try_acquire("a").await.unwrap();
        assert_eq!(decision, Decision::Allowed { remaining: 2 });
    }

    #[tokio::test]
    async fn buckets_that_are_full_again_are_removed() {
        let (limiter, clock) = limiter(3, 2);
        for client in 0..10 * SWEEP_INTERVAL_REQUESTS {
            limiter.try_acquire(&client.to_string()).await.unwrap();
            clock.advance(Duration::from_millis(1));
        }
        assert!(limiter.buckets.len() <= 2 * SWEEP_INTERVAL_REQUESTS as usize);
    }

    #[tokio::test]
    async fn a_bucket_that_is_not_full_survives_a_sweep() {
        let (limiter, clock) = limiter(3, 1);
        for _ in 0..3 {
            limiter.try_acquire("a").await.unwrap();
        }
        for client in 0..SWEEP_INTERVAL_REQUESTS {
            limiter.try_acquire(&client.to_string()).await.unwrap();
        }
        clock.advance(Duration::from_millis(1500));
        let allowed = Decision::Allowed { remaining: 0 };
        assert_eq!(limiter.try_acquire("a").await.unwrap(), allowed);
    }
}
