//! While the disk is full, writes get a 503 and no acknowledged entry is lost. Writes succeed again
//! once space is freed. The disk is a small tmpfs in a separate mount namespace. On a machine
//! without mount namespaces, the test is skipped, or fails if `FULL_DISK=required`
//! (`make test-full-disk`).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

#[path = "support/small_disk.rs"]
mod small_disk;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use acceptance::{Api, unique};
use serde_json::{Value, json};

const DISK: &str = "160m";

/// How long the consumer may take to write the tens of thousands of entries that fit on the disk.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(90);

/// The size of the file that is deleted to free space. That is enough to store and index the queued
/// entries.
const BALLAST_BYTES: usize = 110 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_causes_503s_but_loses_no_acknowledged_entry() {
    if small_disk::skip() {
        return;
    }
    let data_dir = tempfile::tempdir().unwrap();
    // The server does not refuse entries before the disk is full.
    let server = small_disk::start(data_dir.path(), DISK, &[("DISK_MIN_FREE", "0%")]);
    let ballast = small_disk::seen_from_outside(&server, data_dir.path()).join("ballast");
    std::fs::write(&ballast, vec![0; BALLAST_BYTES]).unwrap();
    let api = Api::new(&server.url);
    let service = unique("disk");

    let acknowledged = fill(&api, &service).await;
    std::fs::remove_file(&ballast).unwrap();

    let marker = json!({"service": "marker", "message": "m"}).to_string();
    let mut status = 0;
    for _ in 0..100 {
        status = api.post("/logs", "application/json", marker.clone()).await.status().as_u16();
        if status == 201 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status, 201, "writes still fail after space was freed");
    wait_until_drained(&api).await;
    let mut indexed = HashMap::new();
    for entry in api.all_entries(&service).await {
        let id = entry["id"].as_str().unwrap().to_owned();
        assert!(indexed.insert(id, entry).is_none(), "an entry is indexed twice");
    }
    assert!(acknowledged.len() > 1000, "only {} entries were acknowledged", acknowledged.len());
    let stored = api.entries(acknowledged.clone()).await;
    for id in acknowledged {
        assert!(indexed.contains_key(&id), "{id} was acknowledged but not indexed");
        assert!(stored.contains_key(&id), "{id} was acknowledged but not stored");
    }
}

/// Waits until the marker is indexed, and so all entries before it.
async fn wait_until_drained(api: &Api) {
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    while api.search(&[("service_name", "marker")]).await["total"] != 1 {
        assert!(Instant::now() < deadline, "the queue is not drained after {DRAIN_TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Posts batches until ten in a row are rejected. Returns the ids of the acknowledged entries.
async fn fill(api: &Api, service: &str) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut rejected = 0;
    while rejected < 10 {
        let entry = |_| json!({"service": service, "message": unique("m").repeat(8)});
        let batch = Value::from((0..200).map(entry).collect::<Vec<_>>()).to_string();
        let response = api.post("/logs/batch?ids=true", "application/json", batch).await;
        match response.status().as_u16() {
            201 => {
                rejected = 0;
                let saved: Value = response.json().await.unwrap();
                let ids = saved["ids"].as_array().unwrap();
                acknowledged.extend(ids.iter().map(|id| id.as_str().unwrap().to_owned()));
            }
            503 => {
                rejected += 1;
                assert!(response.headers().contains_key("retry-after"));
                assert_eq!(response.headers()["content-type"], "application/problem+json");
            }
            status => panic!("{status}: {}", response.text().await.unwrap()),
        }
    }
    acknowledged
}
