//! Calls the function without a network. Only accepted entries reach the queue.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

use std::sync::Arc;

use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::TestClient;
use shared::config::HttpConfig;
use shared::http::{BodyLimits, endpoint};
use shared::queue::{self, Producer, Queue};
use shared::testing::Broken;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

async fn open_queue(folder: &TempDir) -> Queue {
    let url = format!("sqlite://{}/queue.db", folder.path().display());
    queue::open(&Url::parse(&url).unwrap()).await.unwrap()
}

fn client(queue: Arc<dyn Producer>) -> TestClient<impl Endpoint> {
    let limits = ingest::Limits { body: BodyLimits::new(10_000, 10_000), max_entry_bytes: 1_000 };
    let functions = vec![ingest::function(queue, limits)];
    let config = HttpConfig::default();
    TestClient::new(endpoint(functions, &config, None, &CancellationToken::new()).unwrap())
}

#[tokio::test]
async fn an_accepted_entry_reaches_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open_queue(&folder).await;
    let body = r#"{"service":"a","message":"m","level":"w","attributes":{"a":1.0}}"#;

    let response = client(queue.producer)
        .post("/logs")
        .content_type("application/json")
        .body(body)
        .send()
        .await;

    response.assert_status(StatusCode::CREATED);
    let id = response.json().await.value().object().get("id").string().to_owned();
    let batch = queue.consumer.poll().await.unwrap();
    let [entry] = batch.entries() else { panic!("expected one entry: {batch:?}") };
    assert_eq!(entry.id.to_string(), id);
    assert_eq!((entry.message.as_str(), entry.level.as_str()), ("m", "WARN"));
    assert_eq!(entry.attributes.as_ref().unwrap().as_str(), r#"{"a":1.0}"#);
}

#[tokio::test]
async fn only_the_valid_lines_of_a_batch_reach_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open_queue(&folder).await;
    let large = format!(r#"{{"service":"a","message":"{}"}}"#, "m".repeat(1_000));
    let body = format!(
        "{{\"service\":\"a\",\"message\":\"1\"}}\n{{}}\n{large}\n{{\"service\":\"a\",\"message\":\"2\"}}\n"
    );

    let response = client(queue.producer)
        .post("/logs/batch")
        .content_type("application/x-ndjson")
        .body(body)
        .send()
        .await;

    response.assert_status(StatusCode::CREATED);
    let saved = response.json().await;
    let saved = saved.value().object();
    assert_eq!((saved.get("accepted").i64(), saved.get("rejected").i64()), (2, 2));
    let lines: Vec<i64> =
        saved.get("errors").array().iter().map(|error| error.object().get("line").i64()).collect();
    assert_eq!(lines, [2, 3]);
    let batch = queue.consumer.poll().await.unwrap();
    let messages: Vec<&str> = batch.entries().iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(messages, ["1", "2"]);
}

#[tokio::test]
async fn a_request_during_a_queue_outage_gets_503_with_retry_after() {
    let client = client(Arc::new(Broken));
    let body = r#"{"service":"a","message":"m"}"#;

    let response = client.post("/logs").content_type("application/json").body(body).send().await;

    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "1");
    response.assert_content_type("application/problem+json");
    client.get("/readyz").send().await.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    client.get("/healthz").send().await.assert_status_is_ok();
}

#[tokio::test]
async fn an_entry_or_body_that_exceeds_its_limit_gets_413() {
    let client = client(Arc::new(Broken));
    for size in [1_000, 10_000] {
        let body = format!(r#"{{"service":"a","message":"{}"}}"#, "m".repeat(size));
        let response =
            client.post("/logs").content_type("application/json").body(body).send().await;
        response.assert_status(StatusCode::PAYLOAD_TOO_LARGE);
    }
}
