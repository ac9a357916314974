//! Calls the function without a network. Only accepted entries reach the queue.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

use std::sync::Arc;

use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::{TestClient, TestResponse};
use shared::config::HttpConfig;
use shared::http::{BodyLimits, endpoint};
use shared::intake::Limits;
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
    let limits = Limits::new(BodyLimits::new(10_000, 10_000), 1_000);
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

/// The messages on the queue after a request with this body, and the response.
async fn save(path: &str, content_type: &str, body: &[u8]) -> (Vec<String>, TestResponse) {
    let folder = tempfile::tempdir().unwrap();
    let queue = open_queue(&folder).await;
    let client = client(queue.producer);
    let request = client.post(path).body(body.to_vec());
    let request =
        if content_type.is_empty() { request } else { request.content_type(content_type) };
    let response = request.send().await;
    if response.0.status() != StatusCode::CREATED {
        return (Vec::new(), response);
    }
    let batch = queue.consumer.poll().await.unwrap();
    (batch.entries().iter().map(|entry| entry.message.clone()).collect(), response)
}

#[tokio::test]
async fn a_batch_is_accepted_in_any_format_with_any_content_type() {
    let [one, two] = ["1", "2"].map(|n| format!(r#"{{"service":"a","message":"{n}"}}"#));
    let bodies = [
        format!("[{one},{two}]"),
        format!("\u{feff}[\n{one},\n{two}\n]\n"),
        format!("\u{feff}{one}\n{two}\n"),
        format!("{one}\r\n\r\n{two}"),
    ];
    for path in ["/logs/batch", "/logs/ndjson"] {
        for content_type in ["application/json", "application/x-ndjson", "application/jsonl", ""] {
            for body in &bodies {
                let (messages, _) = save(path, content_type, body.as_bytes()).await;
                assert_eq!(messages, ["1", "2"], "{path} {content_type} {body}");
            }
            let (messages, _) = save(path, content_type, one.as_bytes()).await;
            assert_eq!(messages, ["1"], "{path} {content_type}");
        }
    }
}

#[tokio::test]
async fn only_the_invalid_element_of_an_array_is_rejected() {
    for bad in [
        &b"{\"service\":\"a\",\"message\":\"gr\xfc\xdfe\"}"[..],
        br#"{"service":"a","message":"m","attributes":{"a":NaN}}"#,
        b"{\"service\":\"a\",\"message\":\"\x01\"}",
        br#"{"service":"a","message":"5" disk"}"#,
        br#"{"service":"a","message":"no bracket""#,
        b"null",
    ] {
        let body = [
            br#"[{"service":"a","message":"1"},"#,
            bad,
            br#",{"service":"a","message":"2"},{"service":"a","message":"3"}]"#,
        ]
        .concat();

        let (messages, response) = save("/logs/batch", "application/json", &body).await;

        let bad = String::from_utf8_lossy(bad);
        assert!(messages.first().is_some_and(|message| message == "1"), "{bad}: {messages:?}");
        assert!(messages.last().is_some_and(|message| message == "3"), "{bad}: {messages:?}");
        let saved = response.json().await;
        let error = saved.value().object().get("errors").array().get(0).object();
        assert_eq!(error.get("line").i64(), 2, "{bad}");
    }
}

#[tokio::test]
async fn an_array_without_its_closing_bracket_is_rejected_as_a_whole() {
    let body = br#"[{"service":"a","message":"1"},{"service":"a","message":"[{}],"}]"#;
    for end in [1, 2, 30, 31, 40, body.len() - 3, body.len() - 1] {
        let (_, response) = save("/logs/batch", "application/json", &body[..end]).await;
        response.assert_status(StatusCode::BAD_REQUEST);
    }
    let (messages, _) = save("/logs/batch", "application/json", body).await;
    assert_eq!(messages, ["1", "[{}],"]);
}
