//! Under a steady load of writes, reads and searches through nginx, replicas die, hang, restart and
//! are scaled: no request fails, and nothing is lost or doubled. `make test-load` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where something is wrong, and says what happens"
)]

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acceptance::Api;
use cluster::{base_url, docker, make, replicas};
use reqwest::Response;
use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

const FUNCTIONS: [&str; 5] = ["ingest", "get", "search", "consumer", "docs"];
const WRITERS: usize = 8;
const READERS: usize = 8;
const SEARCHERS: usize = 2;
const DEVELOPERS: usize = 2;

/// Between two requests of one client.
const THINK: Duration = Duration::from_millis(40);

/// How long a replica is dead or hangs, and for how long the load goes on after it is back.
const TROUBLE: Duration = Duration::from_secs(10);

/// Clients, and what they were answered.
struct Load {
    api: Api,
    service: String,
    /// Ids of entries that were stored before anything happened.
    stored: Vec<String>,
    requests: AtomicUsize,
    acknowledged: Mutex<Vec<String>>,
    failed: Mutex<Vec<String>>,
    over: AtomicBool,
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
            over: AtomicBool::new(false),
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
        for _ in 0..DEVELOPERS {
            clients.spawn(Arc::clone(self).read_the_document());
        }
        clients
    }

    async fn write(self: Arc<Self>) {
        let body = json!({"service": self.service, "message": "under load"}).to_string();
        while self.goes_on().await {
            let answer = self.api.try_post("/logs", "application/json", body.clone()).await;
            if let Some(saved) = self.expect(201, answer, "write").await {
                let id = saved["id"].as_str().unwrap().to_owned();
                self.acknowledged.lock().unwrap().push(id);
            }
        }
    }

    /// Reads what is known to be stored: while a consumer hangs, what is new may take longer.
    async fn read(self: Arc<Self>) {
        for id in self.stored.iter().cycle() {
            if !self.goes_on().await {
                return;
            }
            let answer = self.api.http.get(self.api.url(&format!("/logs/{id}"))).send().await;
            self.expect(200, answer, "read").await;
        }
    }

    async fn search(self: Arc<Self>) {
        while self.goes_on().await {
            let url = self.api.url("/logs/search?limit=1");
            let query = [("service_name", &self.service)];
            let answer = self.api.http.get(url).query(&query).send().await;
            self.expect(200, answer, "search").await;
        }
    }

    async fn read_the_document(self: Arc<Self>) {
        while self.goes_on().await {
            let answer = self.api.http.get(self.api.url("/openapi.json")).send().await;
            self.expect(200, answer, "read the document").await;
        }
    }

    async fn goes_on(&self) -> bool {
        sleep(THINK).await;
        !self.over.load(Ordering::Relaxed)
    }

    /// The body, if the answer has the status; else the request has failed.
    async fn expect(
        &self,
        status: u16,
        answer: reqwest::Result<Response>,
        what: &str,
    ) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let failure = match answer {
            Ok(answer) if answer.status() == status => match answer.json().await {
                Ok(body) => return Some(body),
                Err(error) => error.to_string(),
            },
            Ok(answer) => format!("{}: {}", answer.status(), answer.text().await.unwrap()),
            Err(error) => format!("{error:?}"),
        };
        self.failed.lock().unwrap().push(format!("{what}: {failure}"));
        None
    }
}

/// For each function, how often nginx asked each of its replicas in the last seconds.
fn asked() -> HashMap<String, HashMap<String, usize>> {
    let log = docker(&["logs", "--since", "10s", &replicas("nginx")[0]]);
    let mut asked: HashMap<String, HashMap<String, usize>> = HashMap::new();
    for line in log.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let [function, replica] = ["function", "replicas"].map(|field| line[field].as_str());
        let replicas = asked.entry(function.unwrap().to_owned()).or_default();
        *replicas.entry(replica.unwrap().to_owned()).or_default() += 1;
    }
    asked
}

/// The replicas that read a partition of the topic.
fn reading() -> HashSet<String> {
    let consumers = make(&["check-consumers"]);
    let rows = consumers.lines().filter(|line| line.starts_with("logpulse "));
    rows.map(|row| row.split_whitespace().nth(6).unwrap().to_owned()).collect()
}

/// So many replicas of each function serve, none much more than another.
fn replicas_share(replicas: usize) {
    let asked = asked();
    for function in ["ingest", "get", "search"] {
        println!("{function}: {:?}", asked[function]);
        let total: usize = asked[function].values().sum();
        assert_eq!(asked[function].len(), replicas, "{function}");
        let least = total / (replicas + 1);
        assert!(asked[function].values().all(|&requests| requests > least), "{function}");
    }
    assert_eq!(reading().len(), replicas, "each consumer reads a partition");
}

/// One thing after the other that may happen to a cluster.
fn trouble() {
    let pause = || std::thread::sleep(TROUBLE);
    let say = |what: &str, function: &str| println!("{what} {function}");
    for function in FUNCTIONS {
        say("kill a replica of", function);
        let killed = &replicas(function)[0];
        docker(&["kill", killed]);
        pause();
        docker(&["start", killed]);
        pause();
    }
    for function in FUNCTIONS {
        say("hang a replica of", function);
        let hung = &replicas(function)[0];
        docker(&["pause", hung]);
        pause();
        docker(&["unpause", hung]);
        pause();
    }
    for function in FUNCTIONS {
        say("restart each replica of", function);
        make(&["restart", &format!("FUNCTION={function}")]);
    }
    for function in FUNCTIONS {
        for replicas in ["N=4", "N=2"] {
            say(&format!("scale to {replicas}"), function);
            make(&["scale", &format!("FUNCTION={function}"), replicas]);
        }
    }
}

#[tokio::test]
async fn no_request_fails_and_nothing_is_lost_or_doubled_while_replicas_come_and_go() {
    let Some(url) = base_url(module_path!()) else { return };
    let load = Load::new(&url).await;
    let started = Instant::now();
    let mut clients = load.start();
    sleep(TROUBLE).await;
    spawn_blocking(|| replicas_share(3)).await.unwrap();
    spawn_blocking(trouble).await.unwrap();
    sleep(TROUBLE).await;
    spawn_blocking(|| replicas_share(2)).await.unwrap();
    load.over.store(true, Ordering::Relaxed);
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
    assert_eq!(ids.len(), writes, "ids are unique");
    let stored = load.api.entries(acknowledged).await;
    assert_eq!(stored.len(), writes, "acknowledged and stored");
    // Above 10,000 the total is no exact figure: the pages are.
    load.api.search_until(&[("service_name", &load.service)], writes.min(10_000) as u64).await;
    let indexed = load.api.every_entry(&load.service).await;
    assert_eq!(indexed.len(), writes, "acknowledged and indexed, once");
    assert!(indexed.iter().all(|entry| ids.contains(entry["id"].as_str().unwrap())));
}
