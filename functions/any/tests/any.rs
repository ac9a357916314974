//! Calls the function without a network.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

use std::sync::Arc;

use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::TestClient;
use shared::LogEntry;
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
    let functions = vec![any::function(queue, limits)];
    let config = HttpConfig::default();
    TestClient::new(endpoint(functions, &config, None, &CancellationToken::new()).unwrap())
}

/// Sends a request that is accepted, and returns the entries on the queue.
async fn send(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<LogEntry> {
    let folder = tempfile::tempdir().unwrap();
    let queue = open_queue(&folder).await;
    let client = client(queue.producer);
    let mut request = client.post(path).body(body.to_vec());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await;
    response.assert_status_is_ok();
    response.assert_content_type("application/json");
    queue.consumer.poll().await.unwrap().entries().to_vec()
}

#[tokio::test]
async fn records_are_accepted_with_any_content_type_or_none() {
    let body = br#"{"level":50,"time":1795626000123,"app":"shop","msg":"failed","order":7}"#;
    let text = ("content-type", "text/html; charset=utf-8");
    for headers in [&[][..], &[text]] {
        let entries = send("/logs/any", headers, body).await;
        let [entry] = &entries[..] else { panic!("expected one entry: {entries:?}") };
        assert_eq!((entry.level.as_str(), entry.message.as_str()), ("ERROR", "failed"));
        assert_eq!(entry.service_name.as_str(), "shop");
        assert_eq!(entry.timestamp.to_string(), "2026-11-25T17:00:00.123000Z");
        assert_eq!(entry.attributes.as_ref().unwrap().as_str(), r#"{"order":7}"#);
    }
}

#[tokio::test]
async fn query_parameters_set_field_names_and_the_default_service() {
    let path = "/logs/any?time_field=meta.at&level_field=grade&message_field=text&service=shop";
    let body = br#"{"meta":{"at":1795626000},"time":1,"grade":"warn","text":"t","msg":"m"}"#;
    let entries = send(path, &[("user-agent", "curl/8")], body).await;
    let entry = &entries[0];
    assert_eq!(entry.timestamp.to_string(), "2026-11-25T17:00:00.000000Z");
    assert_eq!((entry.level.as_str(), entry.message.as_str()), ("WARN", "t"));
    assert_eq!(entry.service_name.as_str(), "shop");
    let attributes = entry.attributes.as_ref().unwrap().as_str();
    assert_eq!(attributes, r#"{"meta":{"at":1795626000},"time":1,"msg":"m"}"#);
}

#[tokio::test]
async fn lines_of_text_get_the_client_product_as_their_service() {
    let headers = [("content-type", "text/plain"), ("user-agent", "syslog-ng 3.38.1/libcurl")];
    let entries = send("/logs/any", &headers, b"one\n\ntwo\n").await;
    let messages: Vec<&str> = entries.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(messages, ["one", "two"]);
    assert!(entries.iter().all(|entry| entry.service_name.as_str() == "syslog-ng"));
}

#[tokio::test]
async fn only_the_valid_records_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open_queue(&folder).await;
    let large = "m".repeat(1_000);
    let body = format!(r#"[{{"msg":"1"}},7,{{"msg":"{large}"}},{{"msg":"2"}}]"#);

    let response = client(queue.producer).post("/logs/any").body(body).send().await;

    response.assert_status_is_ok();
    let saved = response.json().await;
    let saved = saved.value().object();
    assert_eq!((saved.get("accepted").i64(), saved.get("rejected").i64()), (2, 2));
    let errors = saved.get("errors").array();
    let records: Vec<i64> = errors.iter().map(|error| error.object().get("record").i64()).collect();
    assert_eq!(records, [2, 3]);
    let batch = queue.consumer.poll().await.unwrap();
    let messages: Vec<&str> = batch.entries().iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(messages, ["1", "2"]);
}

#[tokio::test]
async fn a_body_without_valid_records_gets_400() {
    let client = client(Arc::new(Broken));
    let deep = "{\"a\":".repeat(1_900);
    for (media_type, body) in [
        ("application/json", &b"[7]"[..]),
        ("application/json", b"text"),
        ("", b"[{\"msg\":\"m\"},{\"msg\":"),
        ("", deep.as_bytes()),
        ("application/msgpack", b"\xdf\xff\xff\xff\xff"),
        ("application/msgpack", &[0x91; 9_000]),
    ] {
        let request = client.post("/logs/any").header("content-type", media_type);
        let response = request.body(body.to_vec()).send().await;
        response.assert_status(StatusCode::BAD_REQUEST);
        response.assert_content_type("application/problem+json");
    }
}

#[tokio::test]
async fn a_body_without_records_is_accepted() {
    let client = client(Arc::new(Broken));
    for body in ["", "[]", r#"{"logs":[]}"#] {
        let response = client.post("/logs/any").body(body).send().await;
        response.assert_status_is_ok();
        response.json().await.value().object().get("accepted").assert_i64(0);
    }
}

#[tokio::test]
async fn a_request_during_a_queue_outage_gets_503_with_retry_after() {
    let client = client(Arc::new(Broken));
    let response = client.post("/logs/any").body(r#"{"msg":"m"}"#).send().await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "1");
}

#[tokio::test]
async fn unknown_query_parameters_are_rejected() {
    let client = client(Arc::new(Broken));
    let response = client.post("/logs/any?servce=a").body(r#"{"msg":"m"}"#).send().await;
    response.assert_status(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_journal_can_be_uploaded_with_systemd_journal_upload() {
    let body = b"__CURSOR=s=8;i=1\n__REALTIME_TIMESTAMP=1795687200123456\nPRIORITY=4\n\
        SYSLOG_IDENTIFIER=cron\nMESSAGE=hello\n\n";
    let headers = [("content-type", "application/vnd.fdo.journal"), ("accept", "text/plain")];
    let entries = send("/logs/any/upload", &headers, body).await;
    let [entry] = &entries[..] else { panic!("expected one entry: {entries:?}") };
    assert_eq!((entry.level.as_str(), entry.message.as_str()), ("WARN", "hello"));
    assert_eq!(entry.service_name.as_str(), "cron");
    assert_eq!(entry.attributes.as_ref().unwrap().as_str(), r#"{"__CURSOR":"s=8;i=1"}"#);
}

#[tokio::test]
async fn a_utf_16_or_utf_32_charset_gets_415() {
    let client = client(Arc::new(Broken));
    for charset in ["utf-16", "\"UTF-16LE\"", "utf-32"] {
        let media_type = format!("application/json; v=1; Charset={charset}");
        let request = client.post("/logs/any").header("content-type", media_type);
        let response = request.body(r#"{"msg":"m"}"#).send().await;
        response.assert_status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let problem = response.json().await;
        let detail = problem.value().object().get("detail").string().to_owned();
        assert_eq!(detail, "the body must be UTF-8, but Content-Type declares another charset");
    }
    for charset in ["utf-8", "us-ascii", "iso-8859-1"] {
        let media_type = format!("application/json; charset={charset}");
        send("/logs/any", &[("content-type", &media_type)], br#"{"msg":"m"}"#).await;
    }
}
