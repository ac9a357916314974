//! The contract of the limiter: token buckets, one per client.
//! The tests use real time, with rates that allow for slow machines.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::limiter::{self, Decision, Limiter, TokenBucket};
use url::Url;

contract! {
    adapters: [memory,],
    services: [redis,],
    tests: [
        requests_beyond_the_capacity_are_refused,
        a_refusal_reports_the_time_until_the_next_token,
        an_empty_bucket_refills_at_its_rate,
        clients_do_not_share_a_bucket,
        concurrent_requests_do_not_exceed_the_capacity,
    ]
}

/// A new limiter with full buckets.
struct Fixture {
    url: Url,
}

fn memory() -> Fixture {
    Fixture { url: "memory:".parse().unwrap() }
}

fn redis() -> Fixture {
    Fixture { url: crate::redis::server() }
}

impl Fixture {
    async fn open(&self, capacity: u32, rate: u32) -> Arc<dyn Limiter> {
        let bucket = TokenBucket {
            capacity: NonZeroU32::new(capacity).unwrap(),
            rate: NonZeroU32::new(rate).unwrap(),
        };
        limiter::open(&self.url, bucket).await.unwrap()
    }
}

async fn requests_beyond_the_capacity_are_refused(fixture: Fixture) {
    let limiter = fixture.open(5, 1).await;
    for remaining in (0..5).rev() {
        let decision = limiter.try_acquire("client").await.unwrap();
        assert_eq!(decision, Decision::Allowed { remaining });
    }
    let decision = limiter.try_acquire("client").await.unwrap();
    assert!(matches!(decision, Decision::Refused { .. }), "{decision:?}");
    limiter.ready().await.unwrap();
}

async fn a_refusal_reports_the_time_until_the_next_token(fixture: Fixture) {
    let limiter = fixture.open(1, 1).await;
    limiter.try_acquire("client").await.unwrap();
    let Decision::Refused { retry_after } = limiter.try_acquire("client").await.unwrap() else {
        panic!("an empty bucket allowed a request");
    };
    assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(1));
    tokio::time::sleep(retry_after).await;
    let decision = limiter.try_acquire("client").await.unwrap();
    assert!(matches!(decision, Decision::Allowed { .. }), "{decision:?}");
}

async fn an_empty_bucket_refills_at_its_rate(fixture: Fixture) {
    let limiter = fixture.open(3, 10).await;
    while let Decision::Allowed { .. } = limiter.try_acquire("client").await.unwrap() {}
    let start = Instant::now();
    let mut tokens = 0;
    while tokens < 10 {
        assert!(start.elapsed() < Duration::from_secs(20), "{tokens} tokens");
        match limiter.try_acquire("client").await.unwrap() {
            Decision::Allowed { .. } => tokens += 1,
            Decision::Refused { retry_after } => tokio::time::sleep(retry_after).await,
        }
    }
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_millis(700), "10 tokens in {elapsed:?}");
}

async fn clients_do_not_share_a_bucket(fixture: Fixture) {
    let limiter = fixture.open(1, 1).await;
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::/64"] {
        let decision = limiter.try_acquire(client).await.unwrap();
        assert_eq!(decision, Decision::Allowed { remaining: 0 });
    }
}

async fn concurrent_requests_do_not_exceed_the_capacity(fixture: Fixture) {
    let limiter = fixture.open(20, 1).await;
    let start = Instant::now();
    let mut requests = Vec::new();
    for _ in 0..100 {
        let limiter = Arc::clone(&limiter);
        requests.push(tokio::spawn(async move { limiter.try_acquire("client").await }));
    }
    let mut allowed = 0;
    for request in requests {
        let decision = request.await.unwrap().unwrap();
        allowed += u64::from(matches!(decision, Decision::Allowed { .. }));
    }
    let refilled = start.elapsed().as_secs() + 1;
    assert!((20..=20 + refilled).contains(&allowed), "{allowed}");
}
