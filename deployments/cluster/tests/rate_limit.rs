//! The rate limit of a client, whom several replicas serve: they share its bucket.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where something is wrong, and says what it measured"
)]

use std::sync::Arc;
use std::time::Duration;

use acceptance::Server;
use cluster::{Cluster, left_out};
use reqwest::{Client, StatusCode};
use tokio::task::JoinSet;
use tokio::time::interval;

/// Requests a second, and for how long.
const REQUESTS_A_SECOND: u32 = 400;
const DURATION: Duration = Duration::from_secs(30);

/// A request is in time if it is sent within this: the bucket gains two or three tokens meanwhile.
const LATE: Duration = Duration::from_millis(50);

/// On a busy machine Redis may not answer within 50 ms, and requests pass for a moment without it:
/// such a run says less of the bucket, and is done again. The last one counts.
const ATTEMPTS: usize = 3;

/// How many requests were answered how.
#[derive(Debug, Default)]
struct Answers {
    passed: u32,
    /// Of those that passed: without the fields that tell of the bucket, for Redis was not asked.
    unlimited: u32,
    refused: u32,
    failed: u32,
}

impl Answers {
    fn sent(&self) -> u32 {
        self.passed + self.refused + self.failed
    }

    /// The part of the requests that the bucket let through.
    fn share(&self) -> f64 {
        f64::from(self.passed - self.unlimited) / f64::from(self.sent())
    }
}

/// Asks the replicas in turn at a constant rate, however long answers take. What cannot be sent in
/// time is not sent at all, so that no burst makes up for a pause.
async fn ask_in_turn(replicas: &[Server]) -> Answers {
    let http = Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let mut requests = JoinSet::new();
    let mut moments = interval(Duration::from_secs(1) / REQUESTS_A_SECOND);
    let end = moments.tick().await + DURATION;
    for replica in replicas.iter().cycle() {
        let due = moments.tick().await;
        if due >= end {
            break;
        }
        if due.elapsed() < LATE {
            requests.spawn(http.get(format!("{}/ping", replica.url)).send());
        }
    }
    let mut answers = Answers::default();
    while let Some(response) = requests.join_next().await {
        match response.unwrap().map(|response| (response.status(), response)) {
            Ok((StatusCode::OK, response)) => {
                answers.passed += 1;
                answers.unlimited += u32::from(!response.headers().contains_key("ratelimit"));
            }
            Ok((StatusCode::TOO_MANY_REQUESTS, _)) => answers.refused += 1,
            _ => answers.failed += 1,
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_share_the_bucket_of_a_client() {
    if left_out(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await.with("RATE_LIMIT_ENABLED", "true");
    let replicas = Arc::new(["ingest"; 3].map(|name| cluster.start(name)));

    let mut answers = Answers::default();
    for _ in 0..ATTEMPTS {
        let replicas = Arc::clone(&replicas);
        answers = tokio::spawn(async move { ask_in_turn(&*replicas).await }).await.unwrap();
        println!("{:.2} % passed: {answers:?}", 100.0 * answers.share());
        if answers.unlimited == 0 {
            break;
        }
    }

    let share = answers.share();
    let all = REQUESTS_A_SECOND * u32::try_from(DURATION.as_secs()).unwrap();
    assert!(answers.sent() >= all * 95 / 100, "the sender did not keep up");
    assert_eq!(answers.failed, 0);
    assert!((0.12..=0.15).contains(&share), "{share}");
    cluster.remove().await;
}
