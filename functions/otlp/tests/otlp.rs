//! Calls the function without a network, and checks the responses and the entries on the queue.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

use std::io::Write;
use std::sync::Arc;

use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::{TestClient, TestResponse};
use serde_json::{Value, json};
use shared::LogEntry;
use shared::config::HttpConfig;
use shared::http::{BodyLimits, endpoint};
use shared::intake::Limits;
use shared::protobuf::{Fields, Wire, push_bytes, push_varint};
use shared::queue::{self, Producer, Queue};
use shared::testing::Broken;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

async fn open_queue(folder: &TempDir) -> Queue {
    let url = format!("sqlite://{}/queue.db", folder.path().display());
    queue::open(&Url::parse(&url).unwrap()).await.unwrap()
}

fn client(queue: Arc<dyn Producer>) -> TestClient<impl Endpoint> {
    let body = BodyLimits::new(100_000, 1_000_000);
    let limits = Limits::new(body, 1_000);
    let functions = vec![otlp::function(queue, limits)];
    let config = HttpConfig::default();
    TestClient::new(endpoint(functions, &config, None, &CancellationToken::new()).unwrap())
}

async fn export(
    client: &TestClient<impl Endpoint>,
    content_type: &str,
    encoding: &str,
    body: Vec<u8>,
) -> TestResponse {
    let request = client.post("/v1/logs").content_type(content_type);
    request.header("content-encoding", encoding).body(body).send().await
}

/// A request in protobuf with a record for each of these messages.
fn protobuf(messages: &[&str]) -> Vec<u8> {
    let mut scope_logs = Vec::new();
    for message in messages {
        let (mut body, mut record) = (Vec::new(), Vec::new());
        push_bytes(&mut body, 1, message.as_bytes());
        push_bytes(&mut record, 5, &body);
        push_bytes(&mut scope_logs, 2, &record);
    }
    request_with(&scope_logs)
}

/// A request with these `ScopeLogs` in protobuf.
fn request_with(scope_logs: &[u8]) -> Vec<u8> {
    let (mut resource_logs, mut request) = (Vec::new(), Vec::new());
    push_bytes(&mut resource_logs, 2, scope_logs);
    push_bytes(&mut request, 1, &resource_logs);
    request
}

fn json_request(messages: &[&str]) -> Value {
    let record = |message: &&str| json!({"body": {"stringValue": message}});
    let records: Vec<Value> = messages.iter().map(record).collect();
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 0).unwrap()
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

/// The code and the message of a `google.rpc.Status` in protobuf.
fn status_of(bytes: &[u8]) -> (u64, String) {
    let (mut code, mut message) = (0, String::new());
    for field in Fields::of(bytes) {
        match field.unwrap() {
            (1, Wire::Varint(number)) => code = number,
            (2, Wire::Bytes(text)) => message = String::from_utf8(text.to_vec()).unwrap(),
            field => panic!("unexpected field: {field:?}"),
        }
    }
    (code, message)
}

async fn body_of(response: TestResponse) -> Vec<u8> {
    response.0.into_body().into_bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn requests_in_either_format_and_any_encoding_reach_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open_queue(&folder).await;
    let client = client(queue.producer);
    let in_json = json_request(&["one", "two"]);
    let pretty = serde_json::to_vec_pretty(&in_json).unwrap();
    let in_protobuf = protobuf(&["one", "two"]);
    let with_bom = ["\u{feff}".as_bytes(), in_json.to_string().as_bytes()].concat();
    for (content_type, encoding, body) in [
        (PROTOBUF, "identity", in_protobuf.clone()),
        (PROTOBUF, "gzip", gzip(&in_protobuf)),
        (PROTOBUF, "zstd", zstd(&in_protobuf)),
        (PROTOBUF, "snappy", snappy(&in_protobuf)),
        ("application/json; charset=utf-8", "identity", pretty.clone()),
        (JSON, "gzip", gzip(&pretty)),
        (JSON, "identity", with_bom),
    ] {
        let response = export(&client, content_type, encoding, body).await;

        let case = format!("{content_type} {encoding}");
        assert_eq!(response.0.status(), StatusCode::OK, "{case}");
        let media_type = content_type.split(';').next().unwrap();
        response.assert_content_type(media_type);
        let expected: &[u8] = if media_type == JSON { b"{}\n" } else { b"" };
        assert_eq!(body_of(response).await, expected, "{case}");
        let batch = queue.consumer.poll().await.unwrap();
        let messages: Vec<&str> = batch.entries().iter().map(|e| e.message.as_str()).collect();
        assert_eq!(messages, ["one", "two"], "{case}");
        queue.consumer.commit(batch).await.unwrap();
    }
}

#[tokio::test]
async fn an_empty_request_succeeds_without_the_queue() {
    let client = client(Arc::new(Broken));
    for (content_type, body) in [
        (PROTOBUF, Vec::new()),
        (JSON, b"{}".to_vec()),
        (JSON, br#"{"resourceLogs":null}"#.to_vec()),
    ] {
        let response = export(&client, content_type, "identity", body).await;
        response.assert_status_is_ok();
    }
}

#[tokio::test]
async fn records_that_can_never_be_saved_are_a_partial_success() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open_queue(&folder).await;
    let client = client(queue.producer);
    let long = "m".repeat(2_000);
    let detail = "the entry has";

    let response = export(&client, PROTOBUF, "identity", protobuf(&["one", &long, "two"])).await;
    response.assert_status_is_ok();
    let body = body_of(response).await;
    let Some(Ok((1, Wire::Bytes(partial)))) = Fields::of(&body).next() else { panic!("{body:?}") };
    let (rejected, message) = status_of(partial);
    assert_eq!(rejected, 1);
    assert!(message.starts_with("log record 2: ") && message.contains(detail), "{message}");

    let body = json_request(&[&long, "three"]).to_string().into_bytes();
    let response = export(&client, JSON, "identity", body).await;
    response.assert_status_is_ok();
    let body: Value = serde_json::from_slice(&body_of(response).await).unwrap();
    let partial = &body["partialSuccess"];
    assert_eq!(partial["rejectedLogRecords"], "1");
    let message = partial["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("log record 1: ") && message.contains(detail), "{message}");

    let batch = queue.consumer.poll().await.unwrap();
    let entries: &[LogEntry] = batch.entries();
    let messages: Vec<&str> = entries.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(messages, ["one", "two", "three"]);
}

#[tokio::test]
async fn a_request_during_a_queue_outage_gets_503_in_its_own_format() {
    let client = client(Arc::new(Broken));

    let response = export(&client, PROTOBUF, "identity", protobuf(&["m"])).await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "1");
    response.assert_content_type(PROTOBUF);
    let status = status_of(&body_of(response).await);
    assert_eq!(status, (14, "the broken is unavailable; retry later".to_owned()));

    let body = json_request(&["m"]).to_string().into_bytes();
    let response = export(&client, JSON, "identity", body).await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "1");
    response.assert_content_type(JSON);
    let status: Value = serde_json::from_slice(&body_of(response).await).unwrap();
    assert_eq!(status, json!({"code": 14, "message": "the broken is unavailable; retry later"}));
}

/// A request with a record that contains arrays nested to this depth.
fn nested(depth: usize) -> Vec<u8> {
    let mut value = Vec::new();
    for _ in 0..depth {
        let mut array = Vec::new();
        push_bytes(&mut array, 1, &value);
        value.clear();
        push_bytes(&mut value, 5, &array);
    }
    let (mut record, mut scope_logs) = (Vec::new(), Vec::new());
    push_bytes(&mut record, 5, &value);
    push_bytes(&mut scope_logs, 2, &record);
    request_with(&scope_logs)
}

fn nested_json(depth: usize) -> Vec<u8> {
    let value = r#"{"arrayValue":{"values":["#.repeat(depth) + "{}" + &"]}}".repeat(depth);
    let scope_logs = format!(r#"{{"logRecords":[{{"body":{value}}}]}}"#);
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{scope_logs}]}}]}}"#).into_bytes()
}

/// A request with a resource of 1,000 bytes for 10,000 records.
fn request_with_a_large_resource() -> Vec<u8> {
    let (mut value, mut attribute) = (Vec::new(), Vec::new());
    push_bytes(&mut value, 1, &[b'a'; 600]);
    push_bytes(&mut attribute, 1, b"host");
    push_bytes(&mut attribute, 2, &value);
    let (mut resource, mut scope_logs) = (Vec::new(), Vec::new());
    push_bytes(&mut resource, 1, &attribute);
    for _ in 0..10_000 {
        push_bytes(&mut scope_logs, 2, b"");
    }
    let (mut resource_logs, mut request) = (Vec::new(), Vec::new());
    push_bytes(&mut resource_logs, 2, &scope_logs);
    push_bytes(&mut resource_logs, 1, &resource);
    push_bytes(&mut request, 1, &resource_logs);
    request
}

#[tokio::test]
async fn bad_input_is_rejected_with_the_reason_in_the_format_of_the_request() {
    // The queue is broken, which shows that these requests do not reach it.
    let client = client(Arc::new(Broken));
    let mut truncated = protobuf(&["message"]);
    truncated.truncate(truncated.len() - 3);
    let mut snappy_truncated = snappy(&protobuf(&["message"]));
    snappy_truncated.truncate(snappy_truncated.len() - 3);
    let too_long: Vec<u8> = [&[0xff, 0xff, 0xff, 0xff, 0x0f], &b"aaaa"[..]].concat();
    let bomb = vec![0; 2_000_000];
    let not_a_number =
        br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"x"}]}]}]}"#;
    for (content_type, encoding, body, status, reason) in [
        (PROTOBUF, "identity", truncated.clone(), 400, "protobuf message is malformed"),
        (PROTOBUF, "identity", b"\x0a\xff\xff\xff\xff\x0f".to_vec(), 400, "malformed"),
        (PROTOBUF, "identity", b"hello".to_vec(), 400, "malformed"),
        (PROTOBUF, "identity", nested(10_000), 400, "more than 100 levels deep"),
        (PROTOBUF, "identity", vec![0; 100_001], 413, "100000 bytes"),
        (PROTOBUF, "gzip", gzip(&bomb), 413, "1000000 bytes"),
        (PROTOBUF, "zstd", zstd(&bomb), 413, "1000000 bytes"),
        (PROTOBUF, "snappy", snappy(&bomb), 413, "1000000 bytes"),
        (PROTOBUF, "snappy", too_long, 413, "1000000 bytes"),
        (PROTOBUF, "snappy", snappy_truncated, 400, "snappy"),
        (PROTOBUF, "gzip", truncated, 400, "gzip"),
        (PROTOBUF, "br", Vec::new(), 415, "gzip"),
        (PROTOBUF, "gzip", gzip(&request_with_a_large_resource()), 413, "2000000 bytes"),
        (JSON, "identity", b"{\"resourceLogs\":[{\"scopeLogs\":[".to_vec(), 400, "JSON"),
        (JSON, "identity", b"[]".to_vec(), 400, "object"),
        (JSON, "identity", br#"{"resourceLogs":7}"#.to_vec(), 400, "array"),
        (JSON, "identity", not_a_number.to_vec(), 400, "not an integer"),
        (JSON, "gzip", gzip(&nested_json(10_000)), 400, "recursion limit"),
        ("text/plain", "identity", b"{}".to_vec(), 415, JSON),
    ] {
        let case = format!("{content_type} {encoding} {reason}");
        let response = export(&client, content_type, encoding, body).await;

        assert_eq!(response.0.status().as_u16(), status, "{case}");
        let expected = if content_type == PROTOBUF { PROTOBUF } else { JSON };
        response.assert_content_type(expected);
        let body = body_of(response).await;
        let (code, message) = if content_type == PROTOBUF {
            status_of(&body)
        } else {
            let status: Value = serde_json::from_slice(&body).unwrap();
            (status["code"].as_u64().unwrap(), status["message"].as_str().unwrap().to_owned())
        };
        assert_eq!(code, 3, "{case}: {message}");
        assert!(message.contains(reason) && message.len() < 1_000, "{case}: {message}");
    }
}

#[tokio::test]
async fn a_malformed_record_does_not_affect_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open_queue(&folder).await;
    let client = client(queue.producer);
    let mut scope_logs = Vec::new();
    // A record with a truncated severity number, and one with a valid severity.
    push_bytes(&mut scope_logs, 2, b"\x10\xff");
    let mut record = Vec::new();
    push_varint(&mut record, 2, 17);
    push_bytes(&mut scope_logs, 2, &record);

    let response = export(&client, PROTOBUF, "identity", request_with(&scope_logs)).await;

    response.assert_status_is_ok();
    let batch = queue.consumer.poll().await.unwrap();
    let levels: Vec<&str> = batch.entries().iter().map(|entry| entry.level.as_str()).collect();
    assert_eq!(levels, ["ERROR"]);
}

#[tokio::test]
async fn runtime_errors_have_the_same_format() {
    let client = client(Arc::new(Broken));
    let response = client.get("/v1/logs").content_type(PROTOBUF).send().await;
    response.assert_status(StatusCode::METHOD_NOT_ALLOWED);
    response.assert_content_type(PROTOBUF);
    let status = status_of(&body_of(response).await);
    assert_eq!(status, (12, "method not allowed; this path accepts POST".to_owned()));
}
