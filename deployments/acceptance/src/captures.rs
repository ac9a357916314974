//! Replays requests from real clients, then checks the responses and that every record is found.
//!
//! A folder in `deployments/acceptance/captures` contains the first requests of one client:
//! `NNN.head` is the request line and the headers as sent, and `NNN.body` is the unchunked body.
//! `entries.ndjson` lists the entries that the requests save, one per line, without their ids and
//! in any order; `…` matches the parts that vary (see [`crate::examples`]).
//!
//! A deployment may contain the entries of earlier replays. An entry belongs to this replay if its
//! id is later than that of an entry saved just before.
#![allow(missing_docs, reason = "a test is documented by its name")]

mod any;
mod elasticsearch;
mod loki;
mod otlp;
mod recording;
mod reply;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::{Api, pattern};
use recording::Recording;

pub use any::*;
pub use elasticsearch::*;
pub use loki::*;
pub use otlp::*;
pub use reply::Reply;

/// The maximum time until the entries are searchable.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The maximum number of hits that a search counts exactly.
const MAX_EXACT_TOTAL: usize = 10_000;

/// Several captures contain entries of the same services, so only one is replayed at a time.
static REPLAYING: Mutex<()> = Mutex::const_new(());

/// The recorded requests of one client, and the services of their entries.
#[derive(Debug, Clone, Copy)]
pub struct Capture {
    folder: &'static str,
    services: &'static [&'static str],
    path: Option<&'static str>,
    has_ids: bool,
}

/// The outcome of a replay.
pub struct Replay {
    /// The response to each request.
    pub replies: Vec<Reply>,
    capture: Capture,
    api: Api,
    /// The number of entries that the services had before the replay.
    total_before: usize,
    /// The id of an entry that was saved before the replay.
    id_before: String,
    _replaying: MutexGuard<'static, ()>,
}

impl Capture {
    /// The capture in a folder, with the services of its entries.
    #[must_use]
    pub const fn new(folder: &'static str, services: &'static [&'static str]) -> Self {
        Self { folder, services, path: None, has_ids: false }
    }

    /// Sends the requests to a different path than the client did.
    #[must_use]
    pub const fn sent_to(self, path: &'static str) -> Self {
        Self { path: Some(path), ..self }
    }

    /// Marks the client as one that sends ids, so each replay saves the same entries.
    #[must_use]
    pub const fn with_ids(self) -> Self {
        Self { has_ids: true, ..self }
    }

    /// Sends the requests one after the other, and expects this status in each response.
    pub async fn replay(&self, api: &Api, status: u16) -> Replay {
        let replay = self.replay_any(api).await;
        for (n, reply) in replay.replies.iter().enumerate() {
            assert_eq!(reply.status, status, "{}/{n:03}: {reply:?}", self.folder);
        }
        replay
    }

    /// Sends the requests one after the other.
    pub async fn replay_any(&self, api: &Api) -> Replay {
        let replaying = REPLAYING.lock().await;
        let total_before = self.total(api).await;
        let id_before = save_marker(api).await;
        let mut replies = Vec::new();
        for recording in Recording::all_in(self.folder) {
            let path = self.path.unwrap_or(recording.target());
            let address = self.address(path, api);
            let request = recording.to_bytes(path);
            replies.push(reply::send_with_retries(&address, &request, recording.method()).await);
        }
        let (capture, api) = (*self, api.clone());
        Replay { replies, capture, api, total_before, id_before, _replaying: replaying }
    }

    /// The address of the function that serves a path.
    fn address(&self, path: &str, api: &Api) -> String {
        // Elasticsearch's clients use many paths, including those of other functions.
        let function = self.folder.starts_with("es-").then_some("bulk");
        let url = function.map_or_else(|| api.url(path), |name| api.url_of(name, path));
        let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
        if address.contains(':') { address.to_owned() } else { format!("{address}:80") }
    }

    /// The search for the entries of the services.
    fn query(&self) -> Vec<(&'static str, &'static str)> {
        self.services.iter().map(|service| ("service_name", *service)).collect()
    }

    async fn total(&self, api: &Api) -> usize {
        let page = api.search(&[self.query(), vec![("limit", "1")]].concat()).await;
        usize::try_from(page["total"].as_u64().unwrap()).unwrap()
    }
}

impl Replay {
    /// Checks that each expected entry is found once, and that no others are found.
    pub async fn check_entries(&self) {
        let started = Instant::now();
        loop {
            let mut expected = self.expected();
            let mut found = self.entries(expected.len()).await;
            for entry in &mut found {
                entry.as_object_mut().unwrap().remove("id");
            }
            expected.retain(|expected| {
                let mut entries = found.iter();
                let position = entries.position(|entry| pattern::compare(expected, entry).is_ok());
                position.map(|position| found.swap_remove(position)).is_none()
            });
            if expected.is_empty() && (found.is_empty() || self.capture.has_ids) {
                return;
            }
            // With ids, the entries of other captures may be found first.
            let may_follow = self.capture.has_ids && started.elapsed() < TIMEOUT;
            assert!(may_follow, "{}: {}", self.capture.folder, differences(&expected, &found));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Checks a capture with many similar entries: each entry must match an expected entry, and
    /// `counts` is how often each expected entry must be matched.
    pub async fn check_counts(&self, counts: &[usize]) {
        let kinds = self.expected();
        let mut found = vec![0; kinds.len()];
        for mut entry in self.entries(counts.iter().sum()).await {
            entry.as_object_mut().unwrap().remove("id");
            let kind = kinds.iter().position(|kind| pattern::compare(kind, &entry).is_ok());
            let unexpected =
                || panic!("{}: {}", self.capture.folder, differences(&kinds, &[entry]));
            found[kind.unwrap_or_else(unexpected)] += 1;
        }
        assert_eq!(found, counts, "{}", self.capture.folder);
    }

    /// The patterns in `entries.ndjson`.
    fn expected(&self) -> Vec<Value> {
        let lines = recording::file(self.capture.folder, "entries.ndjson");
        let parse = |line| pattern::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        lines.lines().map(parse).collect()
    }

    /// The saved entries, oldest first. Waits until there are `count` entries.
    pub async fn entries(&self, count: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let entries = self.entries_so_far(count).await;
            if entries.len() == count || (entries.len() > count && self.capture.has_ids) {
                return entries;
            }
            let timed_out = entries.len() > count || started.elapsed() > TIMEOUT;
            assert!(!timed_out, "{}: {} of {count}", self.capture.folder, entries.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The entries that can be found so far; none if there are too few.
    async fn entries_so_far(&self, count: usize) -> Vec<Value> {
        let total = if self.capture.has_ids { count } else { count + self.total_before };
        if self.capture.total(&self.api).await < total.min(MAX_EXACT_TOTAL) {
            return Vec::new();
        }
        let mut entries = self.api.all_hits(&self.capture.query()).await;
        if !self.capture.has_ids {
            entries.retain(|entry| entry["id"].as_str().unwrap() > self.id_before.as_str());
        }
        entries
    }
}

/// Saves an entry and returns its id. The ids of later requests are greater.
async fn save_marker(api: &Api) -> String {
    let marker = json!({"service": "before-replay", "message": "a replay begins"}).to_string();
    let saved: Value = api.post("/logs", "application/json", marker).await.json().await.unwrap();
    // Ids from the same millisecond are not ordered by arrival.
    tokio::time::sleep(Duration::from_millis(2)).await;
    saved["id"].as_str().unwrap().to_owned()
}

/// Describes the missing and the unexpected entries.
fn differences(expected: &[Value], found: &[Value]) -> String {
    let missing = expected.iter().map(|expected| {
        let same_message = found.iter().find(|entry| entry["message"] == expected["message"]);
        let difference = same_message.and_then(|entry| pattern::compare(expected, entry).err());
        format!("missing: {}", difference.unwrap_or_else(|| expected.to_string()))
    });
    let unexpected = found.iter().map(|entry| format!("found: {entry}"));
    let summary = format!("{} entries are missing or differ", expected.len());
    [summary].into_iter().chain(missing).chain(unexpected).collect::<Vec<_>>().join("\n")
}
