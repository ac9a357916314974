//! Kills the server at random moments under load: every acknowledged entry is stored, indexed and
//! streamed by the tail exactly once. `CRASH_ROUNDS` sets the number of crashes (3 by default, 20 in `make test-crash`).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

mod support;
#[path = "support/writers.rs"]
mod writers;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::{Api, TIMEOUT, TailClient, unique};
use serde_json::{Value, json};
use tokio::time::timeout;

use self::writers::{Posted, spawn_writers};

/// Returns the client, and the ids that it received.
async fn read_until_killed(mut tail: TailClient) -> (TailClient, Vec<String>) {
    let mut ids = Vec::new();
    while let Some(entry) = tail.next().await {
        ids.push(id(&entry));
    }
    (tail, ids)
}

fn id(entry: &Value) -> String {
    entry["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_neither_loses_nor_duplicates_acknowledged_entries() {
    let rounds: u32 = std::env::var("CRASH_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let data_dir = tempfile::tempdir().unwrap();
    let service = unique("crash");
    let posted = Arc::new(Mutex::new(Posted::default()));
    let settings = [("RATE_LIMIT_ENABLED", "false")];
    let mut tail = TailClient::new(&service);
    let mut streamed = Vec::new();

    for _ in 0..rounds {
        let server = support::start(data_dir.path(), &settings);
        let api = Api::new(&server.url);
        assert!(tail.connect(&api.url("/logs/tail")).await);
        let reading = tokio::spawn(read_until_killed(tail));
        let writers = spawn_writers(&api, &service, &posted);
        let random = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
        tokio::time::sleep(Duration::from_millis(300 + 8 * random)).await;
        server.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        let read;
        (tail, read) = reading.await.unwrap();
        streamed.extend(read);
    }

    let server = support::start(data_dir.path(), &settings);
    let api = Api::new(&server.url);
    assert!(tail.connect(&api.url("/logs/tail")).await);
    // Entries that were queued before the marker are stored and indexed before it.
    let marker = json!({"service": "marker", "message": "m"}).to_string();
    api.post("/logs", "application/json", marker).await;
    api.search_until(&[("service_name", "marker")], 1).await;
    let posted = Arc::into_inner(posted).unwrap().into_inner().unwrap();
    let indexed = api.all_entries(&service).await;
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    let by_id: HashMap<String, String> =
        indexed.iter().map(|entry| (text(entry, "id"), text(entry, "message"))).collect();
    let messages: HashSet<&String> = by_id.values().collect();
    assert_eq!(by_id.len(), indexed.len(), "an id is indexed twice");
    assert_eq!(messages.len(), indexed.len(), "a message is indexed twice");
    assert!(messages.iter().all(|message| posted.sent.contains(*message)));
    let count = posted.acknowledged.len();
    assert!(count > 100 * rounds as usize, "only {count} entries were acknowledged");
    for (id, message) in &posted.acknowledged {
        assert_eq!(by_id.get(id), Some(message), "{id} was acknowledged but not indexed");
    }
    while streamed.len() < by_id.len() {
        streamed.push(id(&timeout(TIMEOUT, tail.next()).await.unwrap().unwrap()));
    }
    streamed.sort_unstable();
    let mut expected: Vec<String> = by_id.keys().cloned().collect();
    expected.sort_unstable();
    assert_eq!(streamed, expected, "the tail lost or repeated entries");
    let stored = api.entries(by_id.keys().cloned().collect()).await;
    for (id, message) in &by_id {
        assert_eq!(
            stored[id]["message"], **message,
            "{id} differs between the store and the index"
        );
    }
}
