//! nginx's error responses, headers and limits in the running cluster. `make test-cluster` runs
//! these tests.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cluster::base_url;
use futures_util::future::join_all;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

/// How long to wait for a response. This exceeds `client_header_timeout`, which is ten seconds.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

async fn assert_problem(response: Response, status: u16) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
}

#[tokio::test]
async fn nginx_errors_are_problem_documents() {
    let Some(url) = base_url(module_path!()) else { return };
    let http = Client::new();
    for path in ["/healthz", "/readyz", "/metrics", "/problem", "/long-poll", "/nothing"] {
        assert_problem(http.get(format!("{url}{path}")).send().await.unwrap(), 404).await;
    }
    let long = format!("{url}/logs/search?q={}", "a".repeat(20_000));
    assert_problem(http.get(long).send().await.unwrap(), 414).await;
    for uri in ["/logs/<17>", "/logs/`17`", "/logs/search?q=\"card\""] {
        let response =
            send_raw(&url, &format!("GET {uri} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        assert!(response.starts_with("HTTP/1.1 400 "), "{uri}: {response}");
        assert!(response.contains("application/problem+json"), "{uri}: {response}");
    }
    let large_header = http.get(format!("{url}/ping")).header("x-large", "a".repeat(20_000));
    assert_problem(large_header.send().await.unwrap(), 431).await;
    // nginx rejects the request because of its Content-Length, without reading the body.
    let large_body = http.post(format!("{url}/logs")).body(vec![b' '; 10 * 1024 * 1024 + 1]);
    assert_problem(large_body.send().await.unwrap(), 413).await;
    let trace = http.request(reqwest::Method::TRACE, format!("{url}/ping"));
    assert_problem(trace.send().await.unwrap(), 405).await;
    let compressed = http.post(format!("{url}/logs")).header("transfer-encoding", "gzip, chunked");
    assert_problem(compressed.body("{}").send().await.unwrap(), 501).await;
}

#[tokio::test]
async fn every_response_has_the_security_headers_and_no_version() {
    let Some(url) = base_url(module_path!()) else { return };
    for path in ["/ping", "/docs/", "/nothing", "/logs/17"] {
        let response = reqwest::get(format!("{url}{path}")).await.unwrap();
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers.get_all("content-security-policy").iter().count(), 1, "{path}");
        assert_eq!(headers["x-request-id"].len(), 32, "{path}");
        assert_eq!(headers["server"], "nginx", "{path}");
    }
}

#[tokio::test]
async fn no_origin_is_allowed_by_default() {
    let Some(url) = base_url(module_path!()) else { return };
    let http = Client::new();
    let long = format!("/logs/{}", "a".repeat(20_000));
    for (path, status) in [("/docs/", 200), ("/logs/17", 404), ("/nothing", 404), (&long, 414)] {
        let request = http.get(format!("{url}{path}")).header("origin", "https://app.example.com");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        let mut names = response.headers().keys().map(reqwest::header::HeaderName::as_str);
        assert!(!names.any(|name| name.starts_with("access-control-")), "{status}");
    }
}

#[tokio::test]
async fn a_client_cannot_evade_its_rate_limit_with_forged_headers() {
    let Some(url) = base_url(module_path!()) else { return };
    let http = Client::new();
    let requests = (0..400).map(|n| {
        let forged = format!("198.51.{}.{}", n / 256, n % 256);
        let request = http.get(format!("{url}/ping"));
        let request = request.header("x-real-ip", &forged).header("x-forwarded-for", &forged);
        request.header("forwarded", format!("for={forged}")).send()
    });
    let statuses: Vec<_> =
        join_all(requests).await.into_iter().map(|response| response.unwrap().status()).collect();
    // If nginx trusted the headers, each request would have its own full bucket.
    assert!(
        statuses.contains(&StatusCode::TOO_MANY_REQUESTS),
        "none of the 400 requests was rate-limited"
    );
}

#[test]
fn a_client_that_does_not_finish_its_request_is_disconnected() {
    let Some(url) = base_url(module_path!()) else { return };
    let started = Instant::now();
    send_raw(&url, "POST /logs HTTP/1.1\r\nHost: localhost\r\n");
    let elapsed = started.elapsed();
    assert!(elapsed > Duration::from_secs(5) && elapsed < RESPONSE_TIMEOUT, "{elapsed:?}");
}

#[tokio::test]
async fn a_client_with_many_writes_in_flight_can_still_search() {
    let Some(url) = base_url(module_path!()) else { return };
    let writes = unfinished_writes(&url, 100, "/logs", 100);
    let search = || reqwest::get(format!("{url}/logs/search?q=card"));
    let mut status = search().await.unwrap().status();
    // An earlier test may have emptied this client's bucket.
    for _ in 0..3 {
        if status == StatusCode::TOO_MANY_REQUESTS {
            tokio::time::sleep(Duration::from_secs(1)).await;
            status = search().await.unwrap().status();
        }
    }
    assert_eq!(status, StatusCode::OK);
    drop(writes);
}

/// rsyslog drops documents if the response is JSON without an item for each of them.
#[tokio::test]
async fn nginx_refuses_bulk_requests_in_plain_text_so_that_rsyslog_resends_them() {
    let Some(url) = base_url(module_path!()) else { return };
    let large = 100_000;
    let mut writes = unfinished_writes(&url, 32, "/_bulk", large);
    let http = Client::new();
    let deadline = Instant::now() + RESPONSE_TIMEOUT;
    let refusal = loop {
        // `bulk` responds until nginx counts 32 unfinished writes.
        let request = http.post(format!("{url}/_bulk")).body(vec![b' '; large]);
        let response = request.send().await.unwrap();
        if response.headers()["content-type"] == "text/plain" {
            break response;
        }
        assert!(Instant::now() < deadline, "{response:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        // A large request of another test may have caused nginx to refuse one of the writes.
        writes.extend(unfinished_writes(&url, 1, "/_bulk", large));
    };
    assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refusal.headers()["retry-after"], "1");
    assert_eq!(refusal.text().await.unwrap(), "the service is unavailable; retry later\n");
    drop(writes);
}

/// Starts requests that announce a body of this many bytes but do not send it.
fn unfinished_writes(url: &str, count: usize, path: &str, bytes: usize) -> Vec<TcpStream> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n");
    let write = |_| {
        let mut write = connect(url);
        write.write_all(head.as_bytes()).unwrap();
        write
    };
    (0..count).map(write).collect()
}

fn connect(url: &str) -> TcpStream {
    let address = url.trim_start_matches("http://");
    let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(RESPONSE_TIMEOUT)).unwrap();
    client
}

/// Sends only these bytes; returns everything received until the connection is closed or reset.
fn send_raw(url: &str, request: &str) -> String {
    let mut client = connect(url);
    client.write_all(request.as_bytes()).unwrap();
    let mut response = Vec::new();
    let _ = client.read_to_end(&mut response);
    String::from_utf8(response).unwrap()
}
