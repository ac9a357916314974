//! Idle and slow connections, malformed requests, and bodies that are not read.

use std::time::Duration;

use serde_json::Value;
use shared::config::HttpConfig;
use tokio::time::{Instant, sleep};

use super::support::{Connection, Server};

#[tokio::test(start_paused = true)]
async fn a_connection_with_a_slow_request_head_is_closed() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    let started = Instant::now();
    connection.send("GET /ping HTTP/1.1\r\nHost").await;
    sleep(Duration::from_secs(9)).await;
    connection.send(": a").await;
    assert!(connection.closed().await);
    assert!(started.elapsed() < Duration::from_secs(11), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_ten_seconds() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    assert_eq!(connection.get("/ping").await.status, 200);
    sleep(Duration::from_secs(9)).await;
    assert_eq!(connection.get("/ping").await.status, 200);
    sleep(Duration::from_secs(9)).await;
    assert!(connection.closed().await);
}

#[tokio::test]
async fn many_idle_connections_do_not_delay_a_request() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(Connection::open(server.address).await);
    }
    let response = Connection::open(server.address).await.get("/ping").await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    let requests = (1..=3).map(|id| format!("GET /things/{id} HTTP/1.1\r\nHost: a\r\n\r\n"));
    connection.send(&requests.collect::<String>()).await;
    for id in ["1", "2", "3"] {
        assert_eq!(connection.response().await.body, id);
    }
}

#[tokio::test]
async fn a_client_gets_its_response_even_if_its_body_is_not_read() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    let body = "x".repeat(8 * 1024 * 1024);
    let length = body.len();
    let head = format!("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    connection.send(&head).await;
    connection.send(&body).await;
    assert_eq!(connection.response().await.status, 404);
}

const NOT_HTTP: &str = "not a valid HTTP request; in the URI, percent-encode quotes, backticks, \
                        angle brackets and bytes that are not UTF-8";
const LONG_LINE: &str = "the request line exceeds 16 KiB";
const LARGE_HEADER: &str =
    "the header has more than 100 fields, or exceeds 16 KiB in a field or 64 KiB in all";

#[tokio::test]
async fn requests_that_hyper_rejects_get_a_problem() {
    let server = Server::start(HttpConfig::default(), None).await;
    let get = |uri: &str| format!("GET {uri} HTTP/1.1\r\nHost: a\r\n\r\n");
    let with_header = |header: &str| format!("GET /ping HTTP/1.1\r\nHost: a\r\n{header}\r\n");
    for (request, status, detail) in [
        ("\x16\x03\x01 this is not HTTP\r\n\r\n".to_owned(), 400, NOT_HTTP),
        (get("/things/1?q=\"refused\""), 400, NOT_HTTP),
        (get("/<things>"), 400, NOT_HTTP),
        ("GET /ping HTTP/9\r\n\r\n".to_owned(), 400, NOT_HTTP),
        (with_header("A: \x01\r\n"), 400, NOT_HTTP),
        (with_header("Transfer-Encoding: gzip\r\n"), 400, NOT_HTTP),
        (with_header(&"A: a\r\n".repeat(100)), 431, LARGE_HEADER),
        (with_header(&format!("A: {}\r\n", "a".repeat(65_536))), 431, LARGE_HEADER),
        (get(&format!("/{}", "a".repeat(16_400))), 414, LONG_LINE),
        (get(&format!("/{}", "a".repeat(65_000))), 414, LONG_LINE),
        (get(&format!("/{}", "a".repeat(70_000))), 414, LONG_LINE),
        (get(&format!("/{}", "a".repeat(200_000))), 414, LONG_LINE),
    ] {
        let excerpt = request.chars().take(60).collect::<String>();
        let mut connection = Connection::open(server.address).await;
        connection.send(&request).await;
        let response = connection.response().await;
        assert_eq!(response.status, status, "{excerpt}: {response:?}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"), "{excerpt}");
        assert_eq!(response.header("x-request-id").map(str::len), Some(32), "{excerpt}");
        assert!(response.header("date").is_some(), "{excerpt}");
        let problem: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(problem["detail"], detail, "{excerpt}");
        assert_eq!(problem["status"], status, "{excerpt}");
    }
    let response = Connection::open(server.address).await.get("/ping").await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn a_rejected_request_is_answered_after_the_requests_before_it() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    connection.send("GET /things/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /\" HTTP/1.1\r\n\r\n").await;
    assert_eq!(connection.response().await.body, "1");
    let response = connection.response().await;
    assert_eq!(response.status, 404);
    connection.send("GET /? HTTP/1.1\r\nHost: a\r\n\r\nGET /<> HTTP/1.1\r\n\r\n").await;
    assert_eq!(connection.response().await.status, 404);
    let response = connection.response().await;
    assert!(response.status == 400 && response.body.contains(NOT_HTTP), "{response:?}");
    assert!(connection.closed().await);
}

#[tokio::test]
async fn a_request_line_of_16_kib_is_served() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    let path = format!("/{}", "a".repeat(16 * 1024 - "GET / HTTP/1.1\r\n".len()));
    assert_eq!(connection.get(&path).await.status, 404);
    assert_eq!(connection.get(&format!("{path}a")).await.status, 414);
}
