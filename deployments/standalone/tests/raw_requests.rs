//! Requests that HTTP libraries would not send get the same response from standalone LogPulse
//! and, with `BASE_URL=http://…`, from nginx.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

#[path = "support/deployment.rs"]
mod deployment;
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use deployment::Deployment;
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(20);

const NOT_HTTP: &str = "not a valid HTTP request; in the URI, percent-encode quotes, backticks, \
                        angle brackets and bytes that are not UTF-8";
const LONG_LINE: &str = "the request line exceeds 16 KiB";
const LARGE_HEADER: &str =
    "the header has more than 100 fields, or exceeds 16 KiB in a field or 64 KiB in all";
const NO_ENTRY: &str = "no log entry has this id";

/// The URIs, each with the expected status and problem detail.
fn uris() -> Vec<(String, u16, &'static str)> {
    let line = "GET  HTTP/1.1\r\n".len();
    let of_length = |length: usize| format!("/{}", "a".repeat(length - 1));
    vec![
        ("/logs/search?q=\"refused\"".to_owned(), 400, NOT_HTTP),
        ("/logs/search?q=<b>".to_owned(), 400, NOT_HTTP),
        ("/logs/<17>".to_owned(), 400, NOT_HTTP),
        ("/logs/`17`".to_owned(), 400, NOT_HTTP),
        ("/logs/\u{e4}".to_owned(), 404, NO_ENTRY),
        ("/logs/search?q=\u{62d2}\u{7d76}".to_owned(), 200, ""),
        ("/logs/search?q=a\tb".to_owned(), 400, NOT_HTTP),
        ("/logs/%FF".to_owned(), 404, NO_ENTRY),
        ("/logs/%3C17%3E".to_owned(), 404, NO_ENTRY),
        (format!("/logs/search?q={}", "%E6%8B%92".repeat(1024)), 200, ""),
        ("/logs/search?q=%22refused%22".to_owned(), 200, ""),
        (of_length(16 * 1024 - line), 404, "no such path; see /docs"),
        (of_length(16 * 1024 - line + 1), 414, LONG_LINE),
        (of_length(100_000), 414, LONG_LINE),
    ]
}

/// The headers, each with the expected status and problem detail.
fn headers() -> Vec<(String, u16, &'static str)> {
    vec![
        ("A: \u{1}\r\n".to_owned(), 400, NOT_HTTP),
        ("A: a\r\n".repeat(150), 431, LARGE_HEADER),
        (format!("A: {}\r\n", "a".repeat(70_000)), 431, LARGE_HEADER),
    ]
}

#[test]
fn unusual_uris_and_headers_get_the_documented_response() {
    let deployment = Deployment::under_test();
    for (uri, status, detail) in uris() {
        check(&deployment.url, &format!("GET {uri} HTTP/1.1\r\nHost: a\r\n"), status, detail);
    }
    for (header, status, detail) in headers() {
        check(
            &deployment.url,
            &format!("GET /ping HTTP/1.1\r\nHost: a\r\n{header}"),
            status,
            detail,
        );
    }
}

/// Sends a request with this head, and checks the status and the problem detail of the response.
fn check(url: &str, head: &str, status: u16, detail: &str) {
    let start: String = head.chars().take(60).collect();
    let response = loop {
        let response = send(url, &format!("{head}Connection: close\r\n\r\n"));
        if !response.starts_with("HTTP/1.1 429 ") {
            break response;
        }
        std::thread::sleep(Duration::from_secs(1));
    };
    let (head, body) = response.split_once("\r\n\r\n").expect(&start);
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{start}: {response}");
    let body: Value = serde_json::from_str(body).expect(&start);
    if status == 200 {
        assert!(body["data"].is_array(), "{start}: {response}");
        return;
    }
    let head = head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/problem+json"), "{start}: {response}");
    assert!(head.contains("x-request-id: "), "{start}: {response}");
    assert_eq!((&body["status"], &body["detail"]), (&status.into(), &detail.into()), "{start}");
}

/// Sends the request and returns everything received until the connection is closed.
fn send(url: &str, request: &str) -> String {
    let address = url.trim_start_matches("http://");
    let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    String::from_utf8(response).unwrap()
}
