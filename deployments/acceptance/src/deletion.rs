//! Entries of a service, of which a tenth is deleted by query, and does not come back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{Api, ids, unique};

/// How long a job or a rebuild of the index may take.
pub const JOB_TIMEOUT: Duration = Duration::from_mins(20);

/// The number of entries in a request.
const BATCH: usize = 1000;

/// The number of entries that are posted together while a job runs.
const ARRIVING: usize = 20;

/// At most this number of steps of a job are awaited.
const STEPS: u64 = 10;

/// The number of entries that the tests post: `DELETE_ENTRIES`, a multiple of 1,000.
#[must_use]
pub fn entries(default: usize) -> usize {
    std::env::var("DELETE_ENTRIES").map_or(default, |count| count.parse().unwrap())
}

/// At most this number of entries are read by their ids, evenly selected.
const MAX_READS: usize = 3000;

/// The entries of a service. Errors that were posted before the job was created are to be deleted,
/// the others are kept.
pub struct Deletion {
    service: String,
    /// The entries to delete, by id.
    deleted: BTreeMap<String, Value>,
    kept: BTreeSet<String>,
}

impl Deletion {
    /// Posts the entries, and waits until they are indexed. Some are read, so that they are cached.
    pub async fn post(api: &Api, count: usize) -> Self {
        let service = unique("deletion");
        let (deleted, kept) = (BTreeMap::new(), BTreeSet::new());
        let mut deletion = Self { service, deleted, kept };
        for _ in 0..count / BATCH {
            for entry in post(api, new_entries(&deletion.service, BATCH)).await {
                let id = entry["id"].as_str().unwrap().to_owned();
                if entry["level"] == "error" {
                    deletion.deleted.insert(id, entry);
                } else {
                    deletion.kept.insert(id);
                }
            }
        }
        api.wait_until_consumed().await;
        assert_status(api, deletion.deleted.keys().step_by(10), StatusCode::OK).await;
        deletion
    }

    /// The name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The entries to delete.
    #[must_use]
    pub fn deleted(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.deleted.values()
    }

    /// Adds entries that arrived after the job was created.
    pub fn keep(&mut self, ids: impl IntoIterator<Item = String>) {
        self.kept.extend(ids);
    }

    /// Creates a job, after a dry run that counts the same entries.
    pub async fn start(&self, api: &Api) -> Job {
        let expected = self.deleted.len() as u64;
        let query = format!("service_name={}&level=error", self.service);
        let counted = post_deletion(api, &format!("{query}&dry_run=true")).await;
        assert_eq!(counted, json!({"matched": expected}));
        let created = post_deletion(api, &query).await;
        let path = format!("/logs/delete/{}", created["id"].as_str().unwrap());
        Job { path, expected, deleted: 0, started: Instant::now() }
    }

    /// Posts the deleted entries with their ids again.
    pub async fn post_again(&self, api: &Api) {
        let entries: Vec<&Value> = self.deleted.values().collect();
        for entries in entries.chunks(BATCH) {
            let entries = entries.iter().copied().cloned().collect();
            post(api, entries).await;
        }
    }

    /// Waits until the consumer has read all entries, and asserts that searches and stats find
    /// exactly those that are kept, and that the others have been deleted.
    pub async fn assert_gone(&self, api: &Api) {
        api.wait_until_consumed().await;
        let found = ids(&api.all_entries(&self.service).await);
        let (missing, extra) = (self.kept.difference(&found), found.difference(&self.kept));
        let (missing, extra) = (missing.collect::<Vec<_>>(), extra.collect::<Vec<_>>());
        assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, found {extra:?}");
        let path = format!("/logs/stats?service_name={}", self.service);
        let stats: Value = api.get(&path).await.json().await.unwrap();
        assert_eq!(stats["total"], self.kept.len());
        assert_status(api, self.deleted.keys(), StatusCode::GONE).await;
        assert_status(api, self.kept.iter(), StatusCode::OK).await;
    }
}

/// A deletion that runs, and its progress so far.
pub struct Job {
    path: String,
    expected: u64,
    deleted: u64,
    started: Instant,
}

impl Job {
    /// Whether the job has not finished.
    pub async fn is_running(&self, api: &Api) -> bool {
        let job: Value = api.get(&self.path).await.json().await.unwrap();
        self.progress_of(&job).is_some()
    }

    /// Waits until the job has deleted another tenth of the entries. Returns false once it has
    /// finished.
    pub async fn next_step(&mut self, api: &Api) -> bool {
        let next = self.deleted + (self.expected / STEPS).max(1);
        loop {
            let job: Value = api.get(&self.path).await.json().await.unwrap();
            let Some(deleted) = self.progress_of(&job) else { return false };
            if deleted >= next {
                self.deleted = deleted;
                return true;
            }
            assert!(self.started.elapsed() < JOB_TIMEOUT, "{job}");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until the job has finished.
    pub async fn finish(mut self, api: &Api) {
        while self.next_step(api).await {}
    }

    /// How many entries the job has deleted. `None` once it has finished, having deleted exactly
    /// those that it should.
    fn progress_of(&self, job: &Value) -> Option<u64> {
        let deleted = job["deleted"].as_u64().unwrap();
        assert_eq!(job["matched"], self.expected, "{job}");
        if job["state"] == "running" {
            return Some(deleted);
        }
        assert_eq!((&job["state"], deleted), (&json!("finished"), self.expected), "{job}");
        None
    }
}

/// Posts entries of the service while a job runs, and returns their ids. Some match the query, but
/// arrive too late to be deleted.
pub async fn arrive(api: &Api, service: &str) -> Vec<String> {
    let posted = post(api, new_entries(service, ARRIVING)).await;
    posted.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// Entries of which every tenth is an error.
fn new_entries(service: &str, count: usize) -> Vec<Value> {
    let level = |number: usize| if number.is_multiple_of(10) { "error" } else { "info" };
    let entry = |number| json!({"service_name": service, "level": level(number), "message": unique("message")});
    (0..count).map(entry).collect()
}

/// Posts the entries, and returns them with their ids.
async fn post(api: &Api, mut entries: Vec<Value>) -> Vec<Value> {
    let body = serde_json::to_vec(&entries).unwrap();
    let response = api.post("/logs/batch?ids=true", "application/json", body).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let saved: Value = response.json().await.unwrap();
    for (number, entry) in entries.iter_mut().enumerate() {
        entry["id"] = saved["ids"][number].clone();
        assert!(entry["id"].is_string(), "{saved}");
    }
    entries
}

async fn post_deletion(api: &Api, query: &str) -> Value {
    let url = api.url(&format!("/logs/delete?{query}"));
    let response = api.send(api.http.post(url)).await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    response.json().await.unwrap()
}

/// Asserts that the entries have this status. Reads up to eight in parallel.
async fn assert_status(
    api: &Api,
    ids: impl ExactSizeIterator<Item = &String>,
    expected: StatusCode,
) {
    let step = ids.len().div_ceil(MAX_READS).max(1);
    let ids: Vec<&String> = ids.step_by(step).collect();
    let mut readers = tokio::task::JoinSet::new();
    for ids in ids.chunks(ids.len().div_ceil(8).max(1)) {
        let (api, ids): (Api, Vec<String>) = (api.clone(), ids.iter().copied().cloned().collect());
        readers.spawn(async move {
            for id in ids {
                assert_eq!(api.get(&format!("/logs/{id}")).await.status(), expected, "{id}");
            }
        });
    }
    while let Some(read) = readers.join_next().await {
        read.unwrap();
    }
}
