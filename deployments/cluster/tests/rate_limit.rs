//! A client has one token bucket, which all replicas share.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic fails the test, and measurements are printed"
)]

use std::sync::Arc;
use std::time::Duration;

use acceptance::Server;
use cluster::{Cluster, skip_without_services};
use reqwest::{Client, StatusCode};
use tokio::task::JoinSet;
use tokio::time::interval;

const REQUESTS_PER_SECOND: u32 = 400;
const DURATION: Duration = Duration::from_secs(30);

/// How late a request may be sent. The bucket gains two or three tokens in this time.
const MAX_DELAY: Duration = Duration::from_millis(50);

/// The maximum number of runs. On a busy machine, Redis may not respond within 50 ms, so some
/// requests pass without a decision. The run is then repeated, and the last one counts.
const MAX_RUNS: usize = 3;

/// The number of requests with each result.
#[derive(Debug, Default)]
struct Results {
    passed: u32,
    /// Passed without the `RateLimit` header, because Redis made no decision.
    unlimited: u32,
    rejected: u32,
    failed: u32,
}

impl Results {
    fn sent(&self) -> u32 {
        self.passed + self.rejected + self.failed
    }

    /// The share of requests that the bucket allowed.
    fn share(&self) -> f64 {
        f64::from(self.passed - self.unlimited) / f64::from(self.sent())
    }
}

/// Sends requests to the replicas in turn at a constant rate, without waiting for the
/// responses. A request that would be late is not sent, so that no burst follows a pause.
async fn send_in_turn(replicas: &[Server]) -> Results {
    let http = Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let mut requests = JoinSet::new();
    let mut ticks = interval(Duration::from_secs(1) / REQUESTS_PER_SECOND);
    let end = ticks.tick().await + DURATION;
    for replica in replicas.iter().cycle() {
        let due = ticks.tick().await;
        if due >= end {
            break;
        }
        if due.elapsed() < MAX_DELAY {
            requests.spawn(http.get(format!("{}/ping", replica.url)).send());
        }
    }
    let mut results = Results::default();
    while let Some(response) = requests.join_next().await {
        match response.unwrap().map(|response| (response.status(), response)) {
            Ok((StatusCode::OK, response)) => {
                results.passed += 1;
                results.unlimited += u32::from(!response.headers().contains_key("ratelimit"));
            }
            Ok((StatusCode::TOO_MANY_REQUESTS, _)) => results.rejected += 1,
            _ => results.failed += 1,
        }
    }
    results
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_share_a_clients_bucket() {
    if skip_without_services(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await.with("RATE_LIMIT_ENABLED", "true");
    let replicas = Arc::new(["ingest"; 3].map(|name| cluster.start(name)));

    let mut results = Results::default();
    for _ in 0..MAX_RUNS {
        let replicas = Arc::clone(&replicas);
        results = tokio::spawn(async move { send_in_turn(&*replicas).await }).await.unwrap();
        println!("{:.2} % passed: {results:?}", 100.0 * results.share());
        if results.unlimited == 0 {
            break;
        }
    }

    let share = results.share();
    let planned = REQUESTS_PER_SECOND * u32::try_from(DURATION.as_secs()).unwrap();
    assert!(results.sent() >= planned * 95 / 100, "the sender did not keep up");
    assert_eq!(results.failed, 0);
    assert!((0.12..=0.15).contains(&share), "{share}");
    cluster.remove().await;
}
