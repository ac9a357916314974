//! Idle and slow connections, malformed requests, and bodies that are not read.

use std::time::Duration;

use shared::config::HttpConfig;
use tokio::time::{Instant, sleep};

use super::support::{Connection, Server};

#[tokio::test(start_paused = true)]
async fn a_slow_request_head_closes_the_connection() {
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
async fn a_client_that_sends_an_unread_body_gets_its_response() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    let body = "x".repeat(8 * 1024 * 1024);
    let length = body.len();
    let head = format!("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    connection.send(&head).await;
    connection.send(&body).await;
    assert_eq!(connection.response().await.status, 404);
}

#[tokio::test]
async fn malformed_http_gets_400_and_does_not_disturb_others() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    connection.send("\x16\x03\x01 this is not HTTP\r\n\r\n").await;
    assert_eq!(connection.response().await.status, 400);
    let response = Connection::open(server.address).await.get("/ping").await;
    assert_eq!(response.status, 200);
}
