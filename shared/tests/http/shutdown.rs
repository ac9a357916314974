//! Shutdown: every accepted request gets a response, and the server stops in time.

use std::time::Duration;

use shared::config::HttpConfig;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::support::{Connection, DEADLINE, Server};

#[tokio::test]
async fn a_request_in_flight_is_answered_and_its_connection_is_closed() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    connection.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sleep(Duration::from_millis(100)).await;
    server.shutdown.cancel();
    let response = connection.response().await;
    assert_eq!((response.status, response.body.as_str()), (200, "done"));
    assert_eq!(response.header("connection"), Some("close"));
    assert!(connection.closed().await);
    drop(connection);
    timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_within_a_second() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    assert_eq!(connection.get("/ping").await.status, 200);
    let cancelled = Instant::now();
    server.shutdown.cancel();
    assert!(connection.closed().await);
    timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
    assert!(cancelled.elapsed() < Duration::from_millis(900), "{:?}", cancelled.elapsed());
}

#[tokio::test]
async fn a_keep_alive_connection_may_send_one_more_request() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    assert_eq!(connection.get("/ping").await.status, 200);
    server.shutdown.cancel();
    sleep(Duration::from_millis(50)).await;
    let response = connection.get("/ping").await;
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    assert!(connection.closed().await);
    timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn connections_in_the_backlog_are_served() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for id in 0..50 {
        let mut connection = Connection::open(address).await;
        if id % 2 == 0 {
            connection.send(&format!("GET /things/{id} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        }
        waiting.push(connection);
    }
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let server = Server::start_on(listener, HttpConfig::default(), None, shutdown);
    sleep(Duration::from_millis(100)).await;
    for (id, mut connection) in waiting.into_iter().enumerate() {
        let response = match id % 2 {
            0 => connection.response().await,
            _ => connection.get(&format!("/things/{id}")).await,
        };
        assert_eq!(response.body, id.to_string());
    }
    timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_under_load_breaks_no_request() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(tokio::spawn(request_until_refused(server.address)));
    }
    sleep(Duration::from_millis(300)).await;
    server.shutdown.cancel();
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
    timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
}

/// Opens one connection after another, and sends a request on each, until the listener closes.
/// Returns the number of responses.
///
/// `get` panics if an established connection breaks.
async fn request_until_refused(address: std::net::SocketAddr) -> usize {
    let mut answered = 0;
    while let Ok(stream) = tokio::net::TcpStream::connect(address).await {
        let response = Connection(stream).get("/things/17").await;
        assert_eq!(response.body, "17");
        answered += 1;
    }
    answered
}

#[tokio::test]
async fn an_endless_request_is_aborted_after_the_grace_period() {
    let config =
        HttpConfig { shutdown_timeout: Duration::from_millis(300), ..HttpConfig::default() };
    let server = Server::start(config, None).await;
    let mut connection = Connection::open(server.address).await;
    connection.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sleep(Duration::from_millis(100)).await;
    let cancelled = Instant::now();
    server.shutdown.cancel();
    timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
    let elapsed = cancelled.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(2)).contains(&elapsed), "{elapsed:?}");
}
