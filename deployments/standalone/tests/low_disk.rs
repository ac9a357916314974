//! Before the disk is full, entries are refused, or the days that would be dropped next are dropped
//! early.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a panic fails the test"
)]

#[path = "support/small_disk.rs"]
mod small_disk;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use acceptance::{Api, unique};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::{ContextV7, Timestamp, Uuid};

const DISK: &str = "240m";

/// Less than this is not free at the end, because entries that were accepted before the check are
/// still stored and indexed.
const RESERVE_BYTES: usize = 8 * 1024 * 1024;

const MIN_FREE: (&str, &str) = ("DISK_MIN_FREE", "20%");

const DROP_OLDEST: [(&str, &str); 3] =
    [MIN_FREE, ("ON_LOW_DISK", "drop-oldest"), ("RETENTION", "30d")];

const TIMEOUT: Duration = Duration::from_mins(2);

const SYMBOLS: [char; 23] = [
    '!', '#', '$', '%', '&', '(', ')', '*', '+', ',', '-', '.', '/', ':', ';', '<', '=', '>', '?',
    '@', '[', ']', '^',
];

/// Posts a batch of entries that arrived some days ago. Returns the status and the body.
async fn post(api: &Api, service: &str, days_ago: u64) -> (u16, Value, Vec<String>) {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let seconds = now.as_secs() - days_ago * 24 * 60 * 60;
    let id = || Uuid::new_v7(Timestamp::from_unix(ContextV7::new(), seconds, now.subsec_nanos()));
    let ids: Vec<String> = (0..200).map(|_| id().to_string()).collect();
    let entry = |id| {
        let attributes = json!({"data": incompressible_text()});
        json!({"id": id, "service": service, "message": unique("m"), "attributes": attributes})
    };
    let batch = Value::from(ids.iter().map(entry).collect::<Vec<_>>()).to_string();
    let response = api.post("/logs/batch", "application/json", batch).await;
    (response.status().as_u16(), response.json().await.unwrap(), ids)
}

/// 8,000 random symbols, which are stored in half as many bytes. They are not words, so the index
/// takes little space.
fn incompressible_text() -> String {
    let digits: String = (0..250).map(|_| Uuid::new_v4().simple().to_string()).collect();
    digits.bytes().map(|digit| SYMBOLS[usize::from(digit) % SYMBOLS.len()]).collect()
}

async fn disk_state(api: &Api) -> Value {
    let mut readiness: Value = api.get("/readyz").await.json().await.unwrap();
    readiness["disk"].take()
}

async fn metric(api: &Api, name: &str) -> f64 {
    let metrics = api.get("/metrics").await.text().await.unwrap();
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name} is not in {metrics}"))
}

async fn wait_until(what: &str, condition: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < TIMEOUT, "timed out waiting until {what}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Posts entries of today until the disk has had this state. Returns the ids of those that were
/// acknowledged. The consumer keeps up, so that the disk is filled by what is stored and not by what
/// is queued.
async fn fill(api: &Api, service: &str, wanted: &str) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let started = Instant::now();
    let before = metric(api, "consumer_entries_total").await;
    let has_been_seen = Cell::new(false);
    while !has_been_seen.get() {
        assert!(started.elapsed() < TIMEOUT, "the disk is never {wanted}");
        let (status, body, ids) = post(api, service, 0).await;
        match status {
            201 => acknowledged.extend(ids),
            503 => {}
            _ => panic!("{status}: {body}"),
        }
        let total = before + acknowledged.len() as f64;
        // The state may be short, so it is read all the time.
        wait_until("the entries are stored", async || {
            has_been_seen.set(has_been_seen.get() || disk_state(api).await == wanted);
            metric(api, "consumer_entries_total").await >= total
        })
        .await;
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_refused_before_the_disk_is_full() {
    if small_disk::skip() {
        return;
    }
    let data_dir = tempfile::tempdir().unwrap();
    let server = small_disk::start(data_dir.path(), DISK, &[MIN_FREE]);
    let api = Api::new(&server.url);
    assert_eq!(disk_state(&api).await, Value::Null);
    let service = unique("refuse");
    let mut acknowledged = fill(&api, &service, "low").await;
    acknowledged.extend(fill(&api, &service, "refusing").await);

    let (status, problem, _) = post(&api, &service, 0).await;
    assert_eq!(status, 503, "{problem}");
    let detail = "less than 20 % of the disk is free (DISK_MIN_FREE), so no entries are accepted";
    assert!(problem["detail"].as_str().unwrap().starts_with(detail), "{problem}");
    assert!(metric(&api, "disk_free_bytes").await > RESERVE_BYTES as f64);
    let indexed = api.all_entries(&service).await;
    let indexed: BTreeSet<&str> =
        indexed.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert!(indexed.iter().eq(&acknowledged.iter().map(String::as_str).collect::<BTreeSet<_>>()));
    let stored = api.entries(acknowledged.clone()).await;
    assert_eq!(stored.len(), acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_days_are_dropped_before_the_disk_is_full() {
    if small_disk::skip() {
        return;
    }
    let data_dir = tempfile::tempdir().unwrap();
    let server = small_disk::start(data_dir.path(), DISK, &DROP_OLDEST);
    let api = Api::new(&server.url);
    let service = unique("drop");
    let days = post_days(&api, &service).await;
    let today = fill(&api, &service, "dropping").await;
    wait_until("the oldest day is dropped", async || {
        api.get(&format!("/logs/{}", days[0][0])).await.status() == 410
    })
    .await;
    wait_until("it is counted", async || metric(&api, "retention_early_drops_total").await >= 1.0)
        .await;
    // While the index merges its files, entries may be refused for a moment.
    wait_until("entries are accepted", async || post(&api, &service, 0).await.0 == 201).await;
    assert_eq!(api.entries(today[..1000].to_vec()).await.len(), 1000);
    // When there is nothing left to drop, entries are refused.
    fill(&api, &service, "refusing").await;
    wait_until_dropped(&api, &days).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_dropped_although_the_disk_is_already_full() {
    if small_disk::skip() {
        return;
    }
    let data_dir = tempfile::tempdir().unwrap();
    let server = small_disk::start(data_dir.path(), DISK, &DROP_OLDEST);
    let api = Api::new(&server.url);
    let service = unique("full");
    let days = post_days(&api, &service).await;
    let posted = days.concat().len();
    wait_until("the entries are stored", async || {
        metric(&api, "consumer_entries_total").await >= posted as f64
    })
    .await;

    let ballast = small_disk::seen_from_outside(&server, data_dir.path()).join("ballast");
    for ids in &days {
        wait_until("the day is dropped", async || {
            fill_up(&ballast);
            api.get(&format!("/logs/{}", ids[0])).await.status() == 410
        })
        .await;
    }
    wait_until("entries are refused", async || disk_state(&api).await == "refusing").await;
    fs::remove_file(&ballast).unwrap();
    wait_until("entries are accepted", async || post(&api, &service, 0).await.0 == 201).await;
}

/// Takes all space of the disk, also what has been freed since the last call.
fn fill_up(ballast: &Path) {
    let mut ballast = File::options().create(true).append(true).open(ballast).unwrap();
    let written = io::copy(&mut io::repeat(0), &mut ballast);
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::StorageFull);
}

/// Posts entries that arrived on three days. Returns their ids, by day.
async fn post_days(api: &Api, service: &str) -> Vec<Vec<String>> {
    let mut days = Vec::new();
    for days_ago in [5, 4, 3] {
        let mut ids = Vec::new();
        for _ in 0..5 {
            let (status, body, posted) = post(api, service, days_ago).await;
            assert_eq!(status, 201, "{body}");
            ids.extend(posted);
        }
        days.push(ids);
    }
    days
}

async fn wait_until_dropped(api: &Api, days: &[Vec<String>]) {
    for ids in days {
        wait_until("the day is dropped", async || {
            api.get(&format!("/logs/{}", ids[0])).await.status() == 410
        })
        .await;
    }
}
