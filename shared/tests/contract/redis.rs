//! The adapters on Redis beyond their contracts: replicas share state, and an outage delays
//! requests only briefly.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::Error;
use shared::cache;
use shared::limiter::{self, Decision, Limiter, TokenBucket};
use tokio::net::TcpListener;
use url::Url;

use crate::entries::{entry, text};
use crate::services::{address, fresh_name};

contract! {
    adapters: [],
    services: [server,],
    tests: [
        redis_is_used_once_it_is_up,
        replicas_share_a_bucket,
        extreme_capacities_and_rates_are_exact,
        the_key_of_a_full_bucket_expires,
        replicas_share_the_cache,
    ]
}

/// The URL of the Redis server for tests, with a unique key prefix.
pub(crate) fn server() -> Url {
    let mut url: Url = format!("redis://{}", address("REDIS_PORT", 6379)).parse().unwrap();
    url.query_pairs_mut().append_pair("prefix", &fresh_name());
    url
}

async fn open_limiter(url: &Url, capacity: u32, rate: u32) -> Arc<dyn Limiter> {
    let number = |number| NonZeroU32::new(number).unwrap();
    let bucket = TokenBucket { capacity: number(capacity), rate: number(rate) };
    limiter::open(url, bucket).await.unwrap()
}

async fn open_cache(url: &Url) -> Arc<dyn cache::Cache> {
    cache::open(url, Duration::from_mins(1)).await.unwrap()
}

/// A URL at which no server listens.
async fn closed_port() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    format!("redis://127.0.0.1:{port}").parse().unwrap()
}

/// A server that accepts connections and never responds.
async fn unresponsive() -> (Url, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (format!("redis://127.0.0.1:{port}").parse().unwrap(), listener)
}

#[tokio::test]
async fn a_redis_outage_delays_callers_by_one_timeout() {
    let (unresponsive, _listener) = unresponsive().await;
    for url in [closed_port().await, unresponsive] {
        let cache = open_cache(&url).await;
        let limiter = open_limiter(&url, 1, 1).await;
        let entry = entry("m");
        let limits = [Duration::from_millis(1200), Duration::from_millis(10)];
        for limit in limits {
            let start = Instant::now();
            let error = cache.get(entry.id).await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { service: "cache", .. }));
            assert!(start.elapsed() < limit, "{:?}", start.elapsed());
        }
        for limit in limits {
            let start = Instant::now();
            let error = limiter.try_acquire("client").await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { service: "limiter", .. }));
            assert!(start.elapsed() < limit, "{:?}", start.elapsed());
        }
        cache.put(&entry).await.unwrap_err();
        cache.ready().await.unwrap_err();
        limiter.ready().await.unwrap_err();
    }
}

#[tokio::test]
async fn an_invalid_url_is_rejected() {
    for url in ["redis://127.0.0.1/?prefiks=a", "redis://127.0.0.1/not_a_number"] {
        let error = cache::open(&url.parse().unwrap(), Duration::from_mins(1)).await.err().unwrap();
        assert!(format!("{error:#}").starts_with("CACHE_URL: "), "{error:#}");
    }
}

async fn redis_is_used_once_it_is_up(mut url: Url) {
    let closed = closed_port().await;
    let redis = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(6379));
    url.set_port(closed.port()).unwrap();
    let limiter = open_limiter(&url, 100, 1).await;
    limiter.try_acquire("client").await.unwrap_err();
    let listener = TcpListener::bind(("127.0.0.1", closed.port().unwrap())).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = tokio::net::TcpStream::connect(&redis).await.unwrap();
            tokio::spawn(async move {
                tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    let start = Instant::now();
    while limiter.try_acquire("client").await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(5), "the limiter did not connect to Redis");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn replicas_share_a_bucket(url: Url) {
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(open_limiter(&url, 30, 10).await);
    }
    let start = Instant::now();
    let (mut allowed, mut timed_out) = (0, 0);
    for replica in replicas.iter().cycle() {
        if start.elapsed() >= Duration::from_secs(2) {
            break;
        }
        if let Ok(decision) = replica.try_acquire("client").await {
            allowed += i32::from(matches!(decision, Decision::Allowed { .. }));
        } else {
            // On a busy machine, a request may exceed the response timeout.
            timed_out += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // A burst of 30, then 10 per second for 2 seconds plus the duration of the last request.
    let min_allowed = if timed_out == 0 { 48 } else { 30 };
    assert!((min_allowed..=51).contains(&allowed), "{allowed}, {timed_out} timed out");
}

async fn extreme_capacities_and_rates_are_exact(url: Url) {
    let large = open_limiter(&url, u32::MAX, 1).await;
    for remaining in [u32::MAX - 1, u32::MAX - 2] {
        let decision = large.try_acquire("large").await.unwrap();
        assert_eq!(decision, Decision::Allowed { remaining });
    }
    let fast = open_limiter(&url, 1, u32::MAX).await;
    for _ in 0..100 {
        let decision = fast.try_acquire("fast").await.unwrap();
        assert!(matches!(decision, Decision::Allowed { remaining: 0 }), "{decision:?}");
    }
    let slow = open_limiter(&url, 1, 1).await;
    slow.try_acquire("slow").await.unwrap();
    let Decision::Refused { retry_after } = slow.try_acquire("slow").await.unwrap() else {
        panic!("an empty bucket allowed a request");
    };
    tokio::time::sleep(retry_after.saturating_sub(Duration::from_millis(100))).await;
    let decision = slow.try_acquire("slow").await.unwrap();
    assert!(matches!(decision, Decision::Refused { .. }), "{decision:?}");
}

async fn the_key_of_a_full_bucket_expires(url: Url) {
    let limiter = open_limiter(&url, 2, 10).await;
    limiter.try_acquire("client").await.unwrap();
    let (_, prefix) = url.query_pairs().next().unwrap();
    let key = format!("{prefix}:bucket:client");
    let mut server = url.clone();
    server.set_query(None);
    let client = redis::Client::open(server).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let start = Instant::now();
    loop {
        let keys: u32 = redis::cmd("EXISTS").arg(&key).query_async(&mut connection).await.unwrap();
        if keys == 0 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{key} did not expire");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(2));
}

async fn replicas_share_the_cache(url: Url) {
    let entry = entry("shared");
    open_cache(&url).await.put(&entry).await.unwrap();
    let found = open_cache(&url).await.get(entry.id).await.unwrap().unwrap();
    assert_eq!(text(&found), text(&entry));
}
