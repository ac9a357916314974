//! The contract of the cache: hits, misses and expiry.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::cache::{self, Cache};
use shared::{EntryId, LogEntry};
use url::Url;

use crate::entries::{entries, entry, text};

contract! {
    adapters: [memory,],
    services: [redis,],
    tests: [
        a_cached_entry_is_found,
        an_entry_that_was_not_cached_is_not_found,
        an_entry_expires_after_its_time_to_live,
        a_removed_entry_is_not_cached_again,
        a_removed_entry_is_forgotten_after_the_time_to_live,
    ]
}

/// A new, empty cache.
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
    async fn open(&self, ttl: Duration) -> Arc<dyn Cache> {
        cache::open(&self.url, ttl).await.unwrap()
    }
}

async fn a_cached_entry_is_found(fixture: Fixture) {
    let cache = fixture.open(Duration::from_mins(1)).await;
    let entry = entry("with a \0 and 🦀");
    cache.put(&entry).await.unwrap();
    let cached = cache.get(entry.id).await.unwrap().unwrap();
    assert_eq!(text(&cached), text(&entry));
    cache.ready().await.unwrap();
}

async fn an_entry_that_was_not_cached_is_not_found(fixture: Fixture) {
    let cache = fixture.open(Duration::from_mins(1)).await;
    cache.put(&entry("another")).await.unwrap();
    assert!(cache.get(entry("absent").id).await.unwrap().is_none());
}

async fn an_entry_expires_after_its_time_to_live(fixture: Fixture) {
    let cache = fixture.open(Duration::from_secs(1)).await;
    let entry = entry("short-lived");
    cache.put(&entry).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while cache.get(entry.id).await.unwrap().is_some() {
        assert!(Instant::now() < deadline, "the entry did not expire");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_removed_entry_is_not_cached_again(fixture: Fixture) {
    let cache = fixture.open(Duration::from_mins(1)).await;
    let entries: Vec<LogEntry> = entries(vec!["m"; 250]);
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
    for entry in &entries[..200] {
        cache.put(entry).await.unwrap();
    }
    for _ in 0..2 {
        cache.remove(&ids[1..]).await.unwrap();
        for entry in &entries[1..] {
            assert!(cache.get(entry.id).await.unwrap().is_none());
            cache.put(entry).await.unwrap();
            assert!(cache.get(entry.id).await.unwrap().is_none());
        }
    }
    assert!(cache.get(ids[0]).await.unwrap().is_some());
}

async fn a_removed_entry_is_forgotten_after_the_time_to_live(fixture: Fixture) {
    let cache = fixture.open(Duration::from_secs(1)).await;
    let entry = entry("removed");
    cache.remove(&[entry.id]).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while cache.get(entry.id).await.unwrap().is_none() {
        assert!(Instant::now() < deadline, "the entry was not forgotten");
        tokio::time::sleep(Duration::from_millis(50)).await;
        cache.put(&entry).await.unwrap();
    }
}
