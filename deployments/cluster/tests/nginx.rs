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
    for no_uri in ["/logs/\u{e4}", "/logs/<17>", "/logs/`17`", "/logs/search?q=\"card\""] {
        let answer = said_to(
            &url,
            &format!("GET {no_uri} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        );
        assert!(answer.starts_with("HTTP/1.1 400 "), "{no_uri}: {answer}");
        assert!(answer.contains("application/problem+json"), "{no_uri}: {answer}");
    }
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

#[test]
fn who_does_not_finish_a_request_is_cut() {
    let Some(url) = base_url(module_path!()) else { return };
    let started = Instant::now();
    said_to(&url, "POST /logs HTTP/1.1\r\nHost: localhost\r\n");
    let ended = started.elapsed();
    assert!(ended > Duration::from_secs(5) && ended < PATIENCE, "{ended:?}");
}

/// Others write much from one address: it may search meanwhile.
#[tokio::test]
async fn an_address_with_many_writes_in_flight_may_search() {
    let Some(url) = base_url(module_path!()) else { return };
    let writes: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut write = connect(&url);
            let head = "POST /logs HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";
            write.write_all(head.as_bytes()).unwrap();
            write
        })
        .collect();
    let search = || reqwest::get(format!("{url}/logs/search?q=card"));
    let mut status = search().await.unwrap().status();
    // The bucket of this address may be empty from a test before.
    for _ in 0..3 {
        if status == StatusCode::TOO_MANY_REQUESTS {
            tokio::time::sleep(Duration::from_secs(1)).await;
            status = search().await.unwrap().status();
        }
    }
    assert_eq!(status, StatusCode::OK);
    drop(writes);
}

fn connect(url: &str) -> TcpStream {
    let address = url.trim_start_matches("http://");
    let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Sends this and no more; what is answered until the connection ends, or is reset.
fn said_to(url: &str, request: &str) -> String {
    let mut client = connect(url);
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}
