//! nginx as a client meets it: its own problems, its headers, and what it does not believe.
//! `make test-cluster` runs it.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cluster::base_url;
use futures_util::future::join_all;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

/// nginx waits ten seconds for the rest of a head; this is longer.
const PATIENCE: Duration = Duration::from_secs(20);

async fn is_problem(response: Response, status: u16) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
}

#[tokio::test]
async fn its_own_errors_are_problems() {
    let Some(url) = base_url(module_path!()) else { return };
    let http = Client::new();
    for inside in ["/healthz", "/readyz", "/metrics", "/problem", "/held", "/nothing"] {
        is_problem(http.get(format!("{url}{inside}")).send().await.unwrap(), 404).await;
    }
    let long = format!("{url}/logs/search?q={}", "a".repeat(10_000));
    is_problem(http.get(long).send().await.unwrap(), 414).await;
    let much = http.get(format!("{url}/ping")).header("x-much", "a".repeat(10_000));
    is_problem(much.send().await.unwrap(), 431).await;
    // Its length is known before it is sent: it is refused unread.
    let large = http.post(format!("{url}/logs")).body(vec![b' '; 10 * 1024 * 1024 + 1]);
    is_problem(large.send().await.unwrap(), 413).await;
    let trace = http.request(reqwest::Method::TRACE, format!("{url}/ping"));
    is_problem(trace.send().await.unwrap(), 405).await;
    let squeezed = http.post(format!("{url}/logs")).header("transfer-encoding", "gzip, chunked");
    is_problem(squeezed.body("{}").send().await.unwrap(), 501).await;
}

#[tokio::test]
async fn every_answer_is_marked_and_names_no_version() {
    let Some(url) = base_url(module_path!()) else { return };
    for path in ["/ping", "/docs/", "/nothing", "/logs/17"] {
        let answer = reqwest::get(format!("{url}{path}")).await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers.get_all("content-security-policy").iter().count(), 1, "{path}");
        assert_eq!(headers["x-request-id"].len(), 32, "{path}");
        assert_eq!(headers["server"], "nginx", "{path}");
    }
}

#[tokio::test]
async fn a_client_cannot_choose_the_address_that_it_is_limited_by() {
    let Some(url) = base_url(module_path!()) else { return };
    let http = Client::new();
    let asked = (0..400).map(|n| {
        let faked = format!("198.51.{}.{}", n / 256, n % 256);
        let request = http.get(format!("{url}/ping"));
        let request = request.header("x-real-ip", &faked).header("x-forwarded-for", &faked);
        request.header("forwarded", format!("for={faked}")).send()
    });
    let statuses: Vec<_> =
        join_all(asked).await.into_iter().map(|answer| answer.unwrap().status()).collect();
    // Believed, each would have had a full bucket of its own.
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "400 requests at once");
}

#[tokio::test]
async fn who_does_not_finish_a_request_is_cut() {
    let Some(url) = base_url(module_path!()) else { return };
    let address = url.trim_start_matches("http://");
    let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
    let ended = tokio::task::spawn_blocking(move || {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(b"POST /logs HTTP/1.1\r\nHost: localhost\r\n").unwrap();
        let started = Instant::now();
        let mut answer = Vec::new();
        // Cut with a reset or an end, with or without an answer before it.
        let _ = client.read_to_end(&mut answer);
        started.elapsed()
    });
    let ended = ended.await.unwrap();
    assert!(ended > Duration::from_secs(5) && ended < PATIENCE, "{ended:?}");
}
