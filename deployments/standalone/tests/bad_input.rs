//! Bad input is rejected with a 4xx and the reason, is not stored, and uses little memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use acceptance::Api;
use reqwest::StatusCode;
use serde_json::{Value, json};

const MIB: usize = 1024 * 1024;
const NO_RATE_LIMIT: (&str, &str) = ("RATE_LIMIT_ENABLED", "false");

/// A request (content type, content encoding, body) and the expected response (status, text that
/// the problem contains).
struct Case(&'static str, &'static str, Vec<u8>, u16, &'static str);

fn entry(extra: &str) -> Vec<u8> {
    format!(r#"{{"service_name":"bad","message":"m"{extra}}}"#).into_bytes()
}

fn nested(depth: usize) -> String {
    format!(r#","attributes":{}{}"#, "{\"a\":".repeat(depth - 1) + "{", "}".repeat(depth))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn old_id() -> String {
    let eight_days_ago = std::time::SystemTime::now() - Duration::from_hours(8 * 24);
    let unix_time = eight_days_ago.duration_since(std::time::UNIX_EPOCH).unwrap();
    let time = uuid::Timestamp::from_unix(uuid::NoContext, unix_time.as_secs(), 0);
    format!(r#","id":"{}""#, uuid::Uuid::new_v7(time))
}

fn cases() -> Vec<Case> {
    const JSON: &str = "application/json";
    let mut truncated = gzip(&entry(""));
    truncated.truncate(truncated.len() - 4);
    let too_long = format!(r#"{{"service":"bad","message":"{}"}}"#, "m".repeat(MIB));
    vec![
        Case(JSON, "", b"hello".to_vec(), 400, "JSON"),
        Case(JSON, "", Vec::new(), 400, "JSON"),
        Case(JSON, "", b"[]".to_vec(), 400, "object"),
        Case(JSON, "", br#"{"service_name":7,"message":"m"}"#.to_vec(), 400, "service_name"),
        Case(JSON, "", br#"{"service_name":"bad","message":{}}"#.to_vec(), 400, "message"),
        Case(JSON, "", entry(r#","level":[7]"#), 400, "level"),
        Case(JSON, "", entry(r#","timestamp":7"#), 400, "timestamp"),
        Case(JSON, "", entry(r#","attributes":"a""#), 400, "attributes"),
        Case(JSON, "", entry(r#","host":"a""#), 400, "host"),
        Case(JSON, "", br#"{"service_name":"bad"}"#.to_vec(), 400, "message"),
        Case(JSON, "", br#"{"service_name":"","message":"m"}"#.to_vec(), 400, "service_name"),
        Case(JSON, "", b"{\"service\":\"bad\",\"message\":\"\xff\"}".to_vec(), 400, "UTF-8"),
        Case(JSON, "", entry(&nested(17)), 400, "16 levels"),
        Case(JSON, "", entry(r#","timestamp":"99999-01-01T00:00:00Z""#), 400, "timestamp"),
        Case(JSON, "", entry(r#","id":"4fd5bd0e-8694-4000-8000-000000000001""#), 400, "UUIDv7"),
        Case(JSON, "", entry(&old_id()), 400, "7 days"),
        Case(JSON, "gzip", truncated, 400, "gzip"),
        Case(JSON, "zstd", entry(""), 400, "zstd"),
        Case(JSON, "", too_long.into_bytes(), 413, "1048576"),
        Case(JSON, "", vec![b' '; 10 * MIB + 1], 413, "10485760"),
        Case(JSON, "gzip", gzip(&vec![b' '; 200 * MIB]), 413, "67108864"),
        Case(JSON, "br", entry(""), 415, "gzip"),
        Case("text/plain", "", entry(""), 415, "application/json"),
    ]
}

#[tokio::test]
async fn bad_entries_are_rejected_with_the_reason_and_not_stored() {
    let data_dir = tempfile::tempdir().unwrap();
    let server = support::start(data_dir.path(), &[NO_RATE_LIMIT]);
    let api = Api::new(&server.url);

    for Case(content_type, encoding, body, status, text) in cases() {
        let start = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let mut request = api.http.post(api.url("/logs")).body(body);
        for (name, value) in [("content-type", content_type), ("content-encoding", encoding)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{start}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{start}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["status"], status, "{start}");
        let problem = problem.to_string();
        assert!(problem.contains(text) && problem.len() < 1500, "{start}: {problem}");
    }

    let marker = json!({"service": "marker", "message": "m"}).to_string();
    api.post("/logs", "application/json", marker).await;
    api.search_until(&[("service_name", "marker")], 1).await;
    assert_eq!(api.search(&[("service_name", "bad")]).await["total"], 0);
    let peak = server.peak_memory_mib();
    assert!(peak < 200, "peak memory: {peak} MiB");
}

#[tokio::test]
async fn unknown_paths_and_unsupported_methods_return_problems() {
    let data_dir = tempfile::tempdir().unwrap();
    let server = support::start(data_dir.path(), &[]);
    let api = Api::new(&server.url);

    let unknown = api.get("/nowhere").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(unknown.headers()["content-type"], "application/problem+json");
    let wrong = api.http.delete(api.url("/logs")).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers()["allow"], "POST");
    assert_eq!(wrong.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_batch_without_valid_entries_is_rejected() {
    let data_dir = tempfile::tempdir().unwrap();
    let server = support::start(data_dir.path(), &[]);
    let api = Api::new(&server.url);

    for (content_type, body) in [
        ("application/x-ndjson", "{}\nnonsense"),
        ("application/x-ndjson", "\n\n"),
        ("application/json", "[]"),
        ("application/json", "[1, null]"),
        ("application/json", r#"[{"service":"a","message":"m"}"#),
        ("application/json", r#"[{"service":"a","message":"m"},{"service":"a","mess"#),
        ("application/json", r#""service""#),
    ] {
        let response = api.post("/logs/batch", content_type, body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
    }
}

#[test]
fn a_client_that_sends_one_byte_per_second_is_disconnected() {
    let data_dir = tempfile::tempdir().unwrap();
    let server = support::start(data_dir.path(), &[]);
    let address = server.url.strip_prefix("http://").unwrap();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let started = Instant::now();

    for byte in b"POST /logs HTTP/1.1\r\nHost: a\r\nX-Slow: ".iter().chain(std::iter::repeat(&b'a'))
    {
        let closed = slow.write_all(&[*byte]).is_err() || matches!(slow.read(&mut [0; 512]), Ok(0));
        if closed {
            break;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "the slow client is still connected");
        assert!(ping(address) < Duration::from_secs(5));
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn thousands_of_idle_connections_do_not_slow_down_other_clients() {
    let data_dir = tempfile::tempdir().unwrap();
    let server = support::start(data_dir.path(), &[]);
    let address = server.url.strip_prefix("http://").unwrap();
    let idle: Vec<TcpStream> =
        (0..raise_open_file_limit()).map(|_| TcpStream::connect(address).unwrap()).collect();

    let latency = ping(address);

    assert!(latency < Duration::from_secs(5), "{} idle connections: {latency:?}", idle.len());
}

/// Raises the limit on open files as far as possible. Returns 10,000, or as many connections as the
/// limit allows.
fn raise_open_file_limit() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    limit.maximum.map_or(10_000, |maximum| (maximum - 200).min(10_000))
}

fn ping(address: &str) -> Duration {
    let started = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(
        response.starts_with("HTTP/1.1 200") || response.starts_with("HTTP/1.1 429"),
        "{response}"
    );
    started.elapsed()
}
