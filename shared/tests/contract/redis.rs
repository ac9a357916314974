//! What the adapters on Redis do beyond their contracts: they share, and they never wait for long.

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
        redis_that_comes_late_is_used,
        three_replicas_share_a_bucket,
        a_bucket_of_any_size_is_exact,
        a_full_bucket_leaves_no_key_behind,
        replicas_share_the_cache,
    ]
}

/// The Redis of the tests, with keys that no other test has.
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

/// The address of a service that is not there.
async fn closed_port() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    format!("redis://127.0.0.1:{port}").parse().unwrap()
}

/// A service that takes connections and says nothing.
async fn silent() -> (Url, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (format!("redis://127.0.0.1:{port}").parse().unwrap(), listener)
}

#[tokio::test]
async fn redis_away_costs_an_instant_once() {
    let (silent, _listener) = silent().await;
    for url in [closed_port().await, silent] {
        let cache = open_cache(&url).await;
        let limiter = open_limiter(&url, 1, 1).await;
        let entry = entry("m");
        let most = [Duration::from_millis(1200), Duration::from_millis(10)];
        for most in most {
            let start = Instant::now();
            let error = cache.get(entry.id).await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { service: "cache", .. }));
            assert!(start.elapsed() < most, "{:?}", start.elapsed());
        }
        for most in most {
            let start = Instant::now();
            let error = limiter.try_acquire("client").await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { service: "limiter", .. }));
            assert!(start.elapsed() < most, "{:?}", start.elapsed());
        }
        cache.put(&entry).await.unwrap_err();
        cache.ready().await.unwrap_err();
        limiter.ready().await.unwrap_err();
    }
}

#[tokio::test]
async fn a_wrong_url_is_refused() {
    for url in ["redis://127.0.0.1/?prefiks=a", "redis://127.0.0.1/no_number"] {
        let error = cache::open(&url.parse().unwrap(), Duration::from_mins(1)).await.err().unwrap();
        assert!(format!("{error:#}").starts_with("CACHE_URL: "), "{error:#}");
    }
}

async fn redis_that_comes_late_is_used(mut url: Url) {
    let away = closed_port().await;
    let redis = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(6379));
    url.set_port(away.port()).unwrap();
    let limiter = open_limiter(&url, 100, 1).await;
    limiter.try_acquire("client").await.unwrap_err();
    let listener = TcpListener::bind(("127.0.0.1", away.port().unwrap())).await.unwrap();
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
        assert!(start.elapsed() < Duration::from_secs(5), "Redis is there and not used");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn three_replicas_share_a_bucket(url: Url) {
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(open_limiter(&url, 30, 10).await);
    }
    let start = Instant::now();
    let (mut allowed, mut unanswered) = (0, 0);
    for replica in replicas.iter().cycle() {
        if start.elapsed() >= Duration::from_secs(2) {
            break;
        }
        if let Ok(decision) = replica.try_acquire("client").await {
            allowed += i32::from(matches!(decision, Decision::Allowed { .. }));
        } else {
            // On a busy machine 100 ms may pass without an answer.
            unanswered += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // 30 at once, and 10 a second for 2 seconds and the moment that the last request took.
    let least = if unanswered == 0 { 48 } else { 30 };
    assert!((least..=51).contains(&allowed), "{allowed}, {unanswered} unanswered");
}

async fn a_bucket_of_any_size_is_exact(url: Url) {
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
        panic!("an empty bucket gave a token");
    };
    tokio::time::sleep(retry_after.saturating_sub(Duration::from_millis(100))).await;
    let decision = slow.try_acquire("slow").await.unwrap();
    assert!(matches!(decision, Decision::Refused { .. }), "{decision:?}");
}

async fn a_full_bucket_leaves_no_key_behind(url: Url) {
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
        assert!(start.elapsed() < Duration::from_secs(5), "{key} is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(2));
}

async fn replicas_share_the_cache(url: Url) {
    let entry = entry("put by one");
    open_cache(&url).await.put(&entry).await.unwrap();
    let found = open_cache(&url).await.get(entry.id).await.unwrap().unwrap();
    assert_eq!(text(&found), text(&entry));
}
