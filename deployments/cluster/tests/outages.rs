//! A service is away, stopped or hanging: what does not need it goes on, what does is told in time,
//! and everything recovers by itself.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where something is wrong, and says what it measured"
)]

use std::time::{Duration, Instant};

use acceptance::{Api, Server, unique};
use cluster::{Cluster, Service, compose, left_out, round_trip, wait_until};
use futures_util::future::join_all;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// Takes a service away.
type TakeAway = fn(&'static str) -> Service;

/// The two ways to be away: stopped, or there and silent.
const WAYS: [(&str, TakeAway); 2] = [("stopped", Service::stop), ("hanging", Service::pause)];

/// What does not need the missing service answers well within this.
const QUICK: Duration = Duration::from_secs(1);

/// A LogPulse with some entries in both sinks.
struct Running {
    cluster: Cluster,
    api: Api,
    service: String,
    ids: Vec<String>,
    _servers: Vec<Server>,
}

impl Running {
    async fn start(cluster: Cluster) -> Self {
        let (api, servers) = cluster.start_all();
        let service = unique("away");
        let mut running = Self { cluster, api, service, ids: Vec::new(), _servers: servers };
        for _ in 0..5 {
            let posted = running.post().await;
            running.ids.push(id_of(posted.response).await);
        }
        running.api.search_until(&[("service_name", &running.service)], 5).await;
        running
    }

    /// Posts an entry.
    async fn post(&self) -> Answer {
        let entry = json!({"service": self.service, "message": "one more"}).to_string();
        let request = self.api.http.post(self.api.url("/logs")).body(entry);
        answer(request.header("content-type", "application/json")).await
    }

    async fn read(&self, id: &str) -> Answer {
        answer(self.api.http.get(self.api.url(&format!("/logs/{id}")))).await
    }

    async fn search(&self) -> Answer {
        let query = [("service_name", &self.service)];
        answer(self.api.http.get(self.api.url("/logs/search")).query(&query)).await
    }

    /// Everything goes on, and what was posted meanwhile is there.
    async fn recovers(self, posted: Vec<String>) {
        round_trip(&self.api).await;
        let found = self.api.entries(posted.clone()).await;
        assert_eq!(found.len(), posted.len());
        assert_eq!(self.cluster.dead_letters("list"), "");
        self.cluster.remove().await;
    }
}

/// What was answered, and how long it took.
struct Answer {
    response: Response,
    took: Duration,
}

impl Answer {
    /// It has this status and came within this time.
    fn is(self, status: StatusCode, within: Duration) -> Self {
        let Self { response, took } = &self;
        assert_eq!(response.status(), status, "{}", response.url());
        assert!(*took < within, "{}: {took:?}", response.url());
        self
    }

    /// It says in time that a service is away.
    fn says_unavailable(self, within: Duration) -> Duration {
        let Self { response, took } = self.is(StatusCode::SERVICE_UNAVAILABLE, within);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(response.headers().contains_key("retry-after"), "{}", response.url());
        took
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    let started = Instant::now();
    let response = request.send().await.unwrap();
    Answer { response, took: started.elapsed() }
}

async fn id_of(response: Response) -> String {
    let saved: Value = response.json().await.unwrap();
    saved["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_everything_goes_on_and_nothing_is_slow() {
    if left_out(module_path!()) {
        return;
    }
    // The limiter asks Redis, too; its buckets are never empty here.
    let cluster = Cluster::fresh().await.with("RATE_LIMIT_ENABLED", "true");
    let cluster = cluster.with("RATE_LIMIT_CAPACITY", "1000000").with("RATE_LIMIT_RATE", "1000000");
    let running = Running::start(cluster).await;
    let mut posted = Vec::new();
    for (way, take_away) in WAYS {
        let redis = take_away("redis");
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let post = running.post().await.is(StatusCode::CREATED, QUICK);
            let read = running.read(&running.ids[0]).await.is(StatusCode::OK, QUICK);
            let search = running.search().await.is(StatusCode::OK, QUICK);
            longest = longest.max(post.took).max(read.took).max(search.took);
            posted.push(id_of(post.response).await);
        }
        println!("Redis {way}: the longest answer took {longest:?}");
        assert!(running.api.entry(&posted[posted.len() - 1]).await.is_some());
        drop(redis);
        let id = round_trip(&running.api).await;
        let key = format!("{}:entry:{id}", running.cluster.name());
        wait_until("an entry is cached again", async || {
            running.read(&id).await;
            let exists = compose(&["exec", "-T", "redis", "redis-cli", "exists", &key]);
            exists.stdout.starts_with(b"1")
        })
        .await;
    }
    running.recovers(posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_opensearch_writes_and_reads_go_on_and_search_says_so() {
    if left_out(module_path!()) {
        return;
    }
    let running = Running::start(Cluster::fresh().await).await;
    let mut posted = Vec::new();
    // One that is there and silent costs a search its whole time.
    let patience = [Duration::from_secs(2), Duration::from_secs(11)];
    for ((way, take_away), patience) in WAYS.into_iter().zip(patience) {
        let opensearch = take_away("opensearch");
        let mut longest = Duration::ZERO;
        for id in &running.ids[..3] {
            let post = running.post().await.is(StatusCode::CREATED, QUICK);
            posted.push(id_of(post.response).await);
            running.read(id).await.is(StatusCode::OK, QUICK);
            longest = longest.max(running.search().await.says_unavailable(patience));
        }
        println!("OpenSearch {way}: the longest 503 took {longest:?}");
        drop(opensearch);
        round_trip(&running.api).await;
    }
    running.recovers(posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mysql_cached_reads_and_search_go_on_and_other_reads_say_so() {
    if left_out(module_path!()) {
        return;
    }
    let running = Running::start(Cluster::fresh().await).await;
    let [cached, uncached @ ..] = &running.ids[..] else { panic!("no entries") };
    running.read(cached).await.is(StatusCode::OK, QUICK);
    let mut posted = Vec::new();
    // A connection has two seconds to come, a read five in all.
    let patience = [Duration::from_secs(3), Duration::from_secs(6)];
    for ((way, take_away), patience) in WAYS.into_iter().zip(patience) {
        let mysql = take_away("mysql");
        let mut longest = Duration::ZERO;
        for id in &uncached[..3] {
            let post = running.post().await.is(StatusCode::CREATED, QUICK);
            posted.push(id_of(post.response).await);
            running.read(cached).await.is(StatusCode::OK, QUICK);
            running.search().await.is(StatusCode::OK, QUICK);
            longest = longest.max(running.read(id).await.says_unavailable(patience));
        }
        println!("MySQL {way}: the longest 503 took {longest:?}");
        drop(mysql);
        round_trip(&running.api).await;
    }
    running.recovers(posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_a_post_says_so_in_time_and_reads_and_searches_go_on() {
    if left_out(module_path!()) {
        return;
    }
    let running = Running::start(Cluster::fresh().await).await;
    for (way, take_away) in WAYS {
        let kafka = take_away("kafka");
        let mut longest = Duration::ZERO;
        for id in &running.ids[..3] {
            // One alone, and many at once.
            for many in [1, 50] {
                for post in join_all((0..many).map(|_| running.post())).await {
                    // Two seconds are allowed; the rest is the slack of a machine under load.
                    longest = longest.max(post.says_unavailable(Duration::from_secs(3)));
                }
            }
            running.read(id).await.is(StatusCode::OK, QUICK);
            running.search().await.is(StatusCode::OK, QUICK);
        }
        println!("Kafka {way}: the longest 503 took {longest:?}");
        drop(kafka);
        round_trip(&running.api).await;
    }
    running.recovers(Vec::new()).await;
}
