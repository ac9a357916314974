//! While a service is stopped or hangs, requests that do not need it succeed and the others fail in
//! time. Afterwards, everything recovers automatically.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic fails the test, and measurements are printed"
)]

use std::time::{Duration, Instant};

use acceptance::{Api, Server, unique};
use cluster::{Cluster, Outage, compose, round_trip, skip_without_services, wait_until};
use futures_util::future::join_all;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// A function that starts an outage of a service.
type StartOutage = fn(&'static str) -> Outage;

/// Both kinds of outage: the service refuses connections, or it never responds.
const OUTAGES: [(&str, StartOutage); 2] = [("stopped", Outage::stop), ("hanging", Outage::pause)];

/// The time limit for requests that do not need the unavailable service.
const QUICK_TIMEOUT: Duration = Duration::from_secs(1);

/// A running cluster with five entries in the store and the index.
struct RunningCluster {
    cluster: Cluster,
    api: Api,
    service: String,
    ids: Vec<String>,
    _servers: Vec<Server>,
}

impl RunningCluster {
    async fn start(cluster: Cluster) -> Self {
        let (api, servers) = cluster.start_all();
        let service = unique("outage");
        let mut running = Self { cluster, api, service, ids: Vec::new(), _servers: servers };
        for _ in 0..5 {
            let posted = running.post().await;
            running.ids.push(id_of(posted.response).await);
        }
        running.api.search_until(&[("service_name", &running.service)], 5).await;
        running
    }

    async fn post(&self) -> TimedResponse {
        let entry = json!({"service": self.service, "message": "one more"}).to_string();
        let request = self.api.http.post(self.api.url("/logs")).body(entry);
        send(request.header("content-type", "application/json")).await
    }

    async fn read(&self, id: &str) -> TimedResponse {
        send(self.api.http.get(self.api.url(&format!("/logs/{id}")))).await
    }

    async fn search(&self) -> TimedResponse {
        let query = [("service_name", &self.service)];
        send(self.api.http.get(self.api.url("/logs/search")).query(&query)).await
    }

    /// Checks that everything works again and that no posted entry is lost.
    async fn assert_recovered(self, posted: Vec<String>) {
        round_trip(&self.api).await;
        let found = self.api.entries(posted.clone()).await;
        assert_eq!(found.len(), posted.len());
        assert_eq!(self.cluster.dead_letters("list"), "");
        self.cluster.remove().await;
    }
}

/// A response, and how long it took.
struct TimedResponse {
    response: Response,
    elapsed: Duration,
}

impl TimedResponse {
    /// Checks the status and the time.
    fn expect(self, status: StatusCode, within: Duration) -> Self {
        let Self { response, elapsed } = &self;
        assert_eq!(response.status(), status, "{}", response.url());
        assert!(*elapsed < within, "{}: {elapsed:?}", response.url());
        self
    }

    /// Checks that a 503 arrived in time, and returns how long it took.
    fn expect_unavailable(self, within: Duration) -> Duration {
        let Self { response, elapsed } = self.expect(StatusCode::SERVICE_UNAVAILABLE, within);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(response.headers().contains_key("retry-after"), "{}", response.url());
        elapsed
    }
}

async fn send(request: RequestBuilder) -> TimedResponse {
    let started = Instant::now();
    let response = request.send().await.unwrap();
    TimedResponse { response, elapsed: started.elapsed() }
}

async fn id_of(response: Response) -> String {
    let saved: Value = response.json().await.unwrap();
    saved["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_every_request_succeeds_quickly() {
    if skip_without_services(module_path!()) {
        return;
    }
    // The rate limiter also uses Redis. Its buckets are too large for this test to empty.
    let cluster = Cluster::fresh().await.with("RATE_LIMIT_ENABLED", "true");
    let cluster = cluster.with("RATE_LIMIT_CAPACITY", "1000000").with("RATE_LIMIT_RATE", "1000000");
    let running = RunningCluster::start(cluster).await;
    let mut posted = Vec::new();
    for (kind, start_outage) in OUTAGES {
        let outage = start_outage("redis");
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let post = running.post().await.expect(StatusCode::CREATED, QUICK_TIMEOUT);
            let read = running.read(&running.ids[0]).await.expect(StatusCode::OK, QUICK_TIMEOUT);
            let search = running.search().await.expect(StatusCode::OK, QUICK_TIMEOUT);
            longest = longest.max(post.elapsed).max(read.elapsed).max(search.elapsed);
            posted.push(id_of(post.response).await);
        }
        println!("Redis {kind}: the slowest response took {longest:?}");
        assert!(running.api.entry(&posted[posted.len() - 1]).await.is_some());
        outage.end();
        let id = round_trip(&running.api).await;
        let key = format!("{}:entry:{id}", running.cluster.name());
        wait_until("an entry is cached", async || {
            running.read(&id).await;
            let exists = compose(&["exec", "-T", "redis", "redis-cli", "exists", &key]);
            exists.stdout.starts_with(b"1")
        })
        .await;
    }
    running.assert_recovered(posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_opensearch_writes_and_reads_succeed_and_search_fails_in_time() {
    if skip_without_services(module_path!()) {
        return;
    }
    let running = RunningCluster::start(Cluster::fresh().await).await;
    let mut posted = Vec::new();
    // If OpenSearch hangs, a search waits for its full timeout.
    let limits = [Duration::from_secs(2), Duration::from_secs(11)];
    for ((kind, start_outage), limit) in OUTAGES.into_iter().zip(limits) {
        let outage = start_outage("opensearch");
        let mut longest = Duration::ZERO;
        for id in &running.ids[..3] {
            let post = running.post().await.expect(StatusCode::CREATED, QUICK_TIMEOUT);
            posted.push(id_of(post.response).await);
            running.read(id).await.expect(StatusCode::OK, QUICK_TIMEOUT);
            longest = longest.max(running.search().await.expect_unavailable(limit));
        }
        println!("OpenSearch {kind}: the slowest 503 took {longest:?}");
        outage.end();
        round_trip(&running.api).await;
    }
    running.assert_recovered(posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mysql_only_uncached_reads_fail() {
    if skip_without_services(module_path!()) {
        return;
    }
    let running = RunningCluster::start(Cluster::fresh().await).await;
    let [cached, uncached @ ..] = &running.ids[..] else { panic!("no entries") };
    running.read(cached).await.expect(StatusCode::OK, QUICK_TIMEOUT);
    let mut posted = Vec::new();
    // Connecting times out after two seconds, a read after five.
    let limits = [Duration::from_secs(3), Duration::from_secs(6)];
    for ((kind, start_outage), limit) in OUTAGES.into_iter().zip(limits) {
        let outage = start_outage("mysql");
        let mut longest = Duration::ZERO;
        for id in &uncached[..3] {
            let post = running.post().await.expect(StatusCode::CREATED, QUICK_TIMEOUT);
            posted.push(id_of(post.response).await);
            running.read(cached).await.expect(StatusCode::OK, QUICK_TIMEOUT);
            running.search().await.expect(StatusCode::OK, QUICK_TIMEOUT);
            longest = longest.max(running.read(id).await.expect_unavailable(limit));
        }
        println!("MySQL {kind}: the slowest 503 took {longest:?}");
        outage.end();
        round_trip(&running.api).await;
    }
    running.assert_recovered(posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_posts_fail_in_time_and_reads_succeed() {
    if skip_without_services(module_path!()) {
        return;
    }
    let running = RunningCluster::start(Cluster::fresh().await).await;
    for (kind, start_outage) in OUTAGES {
        let outage = start_outage("kafka");
        let mut longest = Duration::ZERO;
        for id in &running.ids[..3] {
            // A single post, and many in parallel.
            for count in [1, 50] {
                for post in join_all((0..count).map(|_| running.post())).await {
                    // The timeout is two seconds; the rest is a margin for a busy machine.
                    longest = longest.max(post.expect_unavailable(Duration::from_secs(3)));
                }
            }
            running.read(id).await.expect(StatusCode::OK, QUICK_TIMEOUT);
            running.search().await.expect(StatusCode::OK, QUICK_TIMEOUT);
        }
        println!("Kafka {kind}: the slowest 503 took {longest:?}");
        outage.end();
        round_trip(&running.api).await;
    }
    running.assert_recovered(Vec::new()).await;
}
