//! The contract of the cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::cache::{self, Cache};
use url::Url;

use crate::entries::{entry, text};

contract! {
    adapters: [memory,],
    services: [redis,],
    tests: [
        what_was_put_is_found,
        what_was_not_put_is_absent,
        an_entry_is_forgotten_after_its_time,
    ]
}

/// A cache that nobody used before.
struct Fresh {
    url: Url,
}

fn memory() -> Fresh {
    Fresh { url: "memory:".parse().unwrap() }
}

fn redis() -> Fresh {
    Fresh { url: crate::redis::server() }
}

impl Fresh {
    async fn open(&self, ttl: Duration) -> Arc<dyn Cache> {
        cache::open(&self.url, ttl).await.unwrap()
    }
}

async fn what_was_put_is_found(fresh: Fresh) {
    let cache = fresh.open(Duration::from_mins(1)).await;
    let entry = entry("with a \0 and 🦀");
    cache.put(&entry).await.unwrap();
    let cached = cache.get(entry.id).await.unwrap().unwrap();
    assert_eq!(text(&cached), text(&entry));
    cache.ready().await.unwrap();
}

async fn what_was_not_put_is_absent(fresh: Fresh) {
    let cache = fresh.open(Duration::from_mins(1)).await;
    cache.put(&entry("another")).await.unwrap();
    assert!(cache.get(entry("absent").id).await.unwrap().is_none());
}

async fn an_entry_is_forgotten_after_its_time(fresh: Fresh) {
    let cache = fresh.open(Duration::from_secs(1)).await;
    let entry = entry("short-lived");
    cache.put(&entry).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while cache.get(entry.id).await.unwrap().is_some() {
        assert!(Instant::now() < deadline, "the entry is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
