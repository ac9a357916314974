//! Replicas crash, hang, restart and scale under a steady load of writes, reads and searches
//! through nginx: no request fails, and no entry is lost or duplicated. `make test-load` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic fails the test, and progress is printed"
)]

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acceptance::Api;
use cluster::{base_url, docker, functions, make, replicas};
use reqwest::Response;
use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

const WRITERS: usize = 8;
const READERS: usize = 8;
const SEARCHERS: usize = 2;
const DOC_READERS: usize = 2;

/// The pause between two requests from a client.
const THINK_TIME: Duration = Duration::from_millis(40);

/// How long a replica is down, and how long the load continues after it recovers.
const FAULT_DURATION: Duration = Duration::from_secs(10);

/// Concurrent clients, and the results of their requests.
struct Load {
    api: Api,
    service: String,
    /// Ids of entries that were stored before the first fault.
    stored: Vec<String>,
    requests: AtomicUsize,
    acknowledged: Mutex<Vec<String>>,
    failed: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl Load {
    async fn new(url: &str) -> Arc<Self> {
        let api = Api::new(url);
        let lines = "{\"service\":\"before\",\"message\":\"before the load\"}\n".repeat(500);
        let saved = api.post("/logs/batch?ids=true", "application/x-ndjson", lines).await;
        let ids: Value = saved.json().await.unwrap();
        let ids: Vec<String> = serde_json::from_value(ids["ids"].clone()).unwrap();
        let stored = api.entries(ids).await.into_keys().collect();
        Arc::new(Self {
            api,
            service: format!("load-{}", uuid::Uuid::now_v7()),
            stored,
            requests: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
            failed: Mutex::default(),
            stopped: AtomicBool::new(false),
        })
    }

    fn start(self: &Arc<Self>) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for _ in 0..WRITERS {
            clients.spawn(Arc::clone(self).write());
        }
        for _ in 0..READERS {
            clients.spawn(Arc::clone(self).read());
        }
        for _ in 0..SEARCHERS {
            clients.spawn(Arc::clone(self).search());
        }
        for _ in 0..DOC_READERS {
            clients.spawn(Arc::clone(self).read_openapi());
        }
        clients
    }

    async fn write(self: Arc<Self>) {
        let body = json!({"service": self.service, "message": "under load"}).to_string();
        while self.next_turn().await {
            let response = self.api.try_post("/logs", "application/json", body.clone()).await;
            if let Some(saved) = self.expect(201, response, "write").await {
                let id = saved["id"].as_str().unwrap().to_owned();
                self.acknowledged.lock().unwrap().push(id);
            }
        }
    }

    /// Reads entries that are known to be stored, because new entries may not be stored while a
    /// consumer hangs.
    async fn read(self: Arc<Self>) {
        for id in self.stored.iter().cycle() {
            if !self.next_turn().await {
                return;
            }
            let response = self.api.http.get(self.api.url(&format!("/logs/{id}"))).send().await;
            self.expect(200, response, "read").await;
        }
    }

    async fn search(self: Arc<Self>) {
        while self.next_turn().await {
            let url = self.api.url("/logs/search?limit=1");
            let query = [("service_name", &self.service)];
            let response = self.api.http.get(url).query(&query).send().await;
            self.expect(200, response, "search").await;
        }
    }

    async fn read_openapi(self: Arc<Self>) {
        while self.next_turn().await {
            let response = self.api.http.get(self.api.url("/openapi.json")).send().await;
            self.expect(200, response, "read openapi.json").await;
        }
    }

    async fn next_turn(&self) -> bool {
        sleep(THINK_TIME).await;
        !self.stopped.load(Ordering::Relaxed)
    }

    /// Returns the body of the response if it has this status. Otherwise, records a failure.
    async fn expect(
        &self,
        status: u16,
        response: reqwest::Result<Response>,
        operation: &str,
    ) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let failure = match response {
            Ok(response) if response.status() == status => match response.json().await {
                Ok(body) => return Some(body),
                Err(error) => error.to_string(),
            },
            Ok(response) => format!("{}: {}", response.status(), response.text().await.unwrap()),
            Err(error) => format!("{error:?}"),
        };
        self.failed.lock().unwrap().push(format!("{operation}: {failure}"));
        None
    }
}

/// The number of requests that nginx sent to each replica of each function in the last ten seconds.
fn requests_by_replica() -> HashMap<String, HashMap<String, usize>> {
    let log = docker(&["logs", "--since", "10s", &replicas("nginx")[0]]);
    let mut requests: HashMap<String, HashMap<String, usize>> = HashMap::new();
    for line in log.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let [function, replica] = ["function", "replicas"].map(|field| line[field].as_str());
        let replicas = requests.entry(function.unwrap().to_owned()).or_default();
        *replicas.entry(replica.unwrap().to_owned()).or_default() += 1;
    }
    requests
}

/// The consumers that have at least one partition assigned.
fn assigned_consumers() -> HashSet<String> {
    let consumers = make(&["check-consumers"]);
    let rows = consumers.lines().filter(|line| line.starts_with("logpulse "));
    rows.map(|row| row.split_whitespace().nth(6).unwrap().to_owned()).collect()
}

/// Checks that the load is spread evenly across this many replicas of each function.
fn assert_balanced(replicas: usize) {
    let requests = requests_by_replica();
    for function in ["ingest", "get", "search"] {
        println!("{function}: {:?}", requests[function]);
        let total: usize = requests[function].values().sum();
        assert_eq!(requests[function].len(), replicas, "{function}");
        let least = total / (replicas + 1);
        assert!(requests[function].values().all(|&requests| requests > least), "{function}");
    }
    assert_eq!(assigned_consumers().len(), replicas, "some consumers have no partition");
}

/// Crashes, hangs, restarts and scales the replicas of each function in turn.
fn inject_faults() {
    let pause = || std::thread::sleep(FAULT_DURATION);
    let report = |what: &str, function: &str| println!("{what} {function}");
    for function in functions() {
        report("kill a replica of", &function);
        let killed = &replicas(&function)[0];
        docker(&["kill", killed]);
        pause();
        docker(&["start", killed]);
        pause();
    }
    for function in functions() {
        report("hang a replica of", &function);
        let hung = &replicas(&function)[0];
        docker(&["pause", hung]);
        pause();
        docker(&["unpause", hung]);
        pause();
    }
    for function in functions() {
        report("restart each replica of", &function);
        make(&["restart", &format!("FUNCTION={function}")]);
    }
    for function in functions() {
        for replicas in ["N=4", "N=2"] {
            report(&format!("scale to {replicas}"), &function);
            make(&["scale", &format!("FUNCTION={function}"), replicas]);
        }
    }
}

#[tokio::test]
async fn no_request_fails_while_replicas_crash_hang_restart_and_scale() {
    let Some(url) = base_url(module_path!()) else { return };
    let load = Load::new(&url).await;
    let started = Instant::now();
    let mut clients = load.start();
    sleep(FAULT_DURATION).await;
    spawn_blocking(|| assert_balanced(3)).await.unwrap();
    spawn_blocking(inject_faults).await.unwrap();
    sleep(FAULT_DURATION).await;
    spawn_blocking(|| assert_balanced(2)).await.unwrap();
    load.stopped.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }

    let requests = load.requests.load(Ordering::Relaxed);
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let writes = acknowledged.len();
    println!("{requests} requests, {writes} of them writes, in {:?}", started.elapsed());
    let failed = load.failed.lock().unwrap().clone();
    assert!(failed.is_empty(), "{} failed: {:#?}", failed.len(), &failed[..failed.len().min(20)]);

    let ids: HashSet<String> = acknowledged.iter().cloned().collect();
    assert_eq!(ids.len(), writes, "some ids are not unique");
    let stored = load.api.entries(acknowledged).await;
    assert_eq!(stored.len(), writes, "some acknowledged entries are not stored");
    // Search counts at most 10,000 hits, but its pages contain all of them.
    load.api.search_until(&[("service_name", &load.service)], writes.min(10_000) as u64).await;
    let indexed = load.api.all_entries(&load.service).await;
    assert_eq!(indexed.len(), writes, "some acknowledged entries are not indexed exactly once");
    assert!(indexed.iter().all(|entry| ids.contains(entry["id"].as_str().unwrap())));
}
