//! The end: nothing that was accepted is broken, and nothing keeps the process alive too long.

use std::time::Duration;

use shared::config::HttpConfig;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::function::{Connection, SOON, Server};

#[tokio::test]
async fn a_request_in_flight_is_answered_and_its_connection_closed() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    connection.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sleep(Duration::from_millis(100)).await;
    server.shutdown.cancel();
    let answer = connection.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "done"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(connection.closed().await);
    drop(connection);
    timeout(SOON, server.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_soon() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    assert_eq!(connection.get("/ping").await.status, 200);
    let cancelled = Instant::now();
    server.shutdown.cancel();
    assert!(connection.closed().await);
    timeout(SOON, server.ended).await.unwrap().unwrap().unwrap();
    assert!(cancelled.elapsed() < Duration::from_millis(900), "{:?}", cancelled.elapsed());
}

#[tokio::test]
async fn the_next_request_of_a_kept_connection_is_answered_and_told_of_the_end() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    assert_eq!(connection.get("/ping").await.status, 200);
    server.shutdown.cancel();
    sleep(Duration::from_millis(50)).await;
    let answer = connection.get("/ping").await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(connection.closed().await);
    timeout(SOON, server.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn connections_that_were_not_accepted_yet_are_answered() {
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
        let answer = match id % 2 {
            0 => connection.answer().await,
            _ => connection.get(&format!("/things/{id}")).await,
        };
        assert_eq!(answer.body, id.to_string());
    }
    timeout(SOON, server.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn under_load_no_request_is_broken_by_the_end() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(tokio::spawn(ask_until_refused(server.address)));
    }
    sleep(Duration::from_millis(300)).await;
    server.shutdown.cancel();
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
    timeout(SOON, server.ended).await.unwrap().unwrap().unwrap();
}

/// Asks on connection after connection, as long as there is a listener. Each one that was
/// established must be answered: `get` panics if it breaks.
async fn ask_until_refused(address: std::net::SocketAddr) -> usize {
    let mut answered = 0;
    while let Ok(stream) = tokio::net::TcpStream::connect(address).await {
        let answer = Connection(stream).get("/things/17").await;
        assert_eq!(answer.body, "17");
        answered += 1;
    }
    answered
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_when_the_time_is_over() {
    let config =
        HttpConfig { shutdown_timeout: Duration::from_millis(300), ..HttpConfig::default() };
    let server = Server::start(config, None).await;
    let mut connection = Connection::open(server.address).await;
    connection.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sleep(Duration::from_millis(100)).await;
    let cancelled = Instant::now();
    server.shutdown.cancel();
    timeout(SOON, server.ended).await.unwrap().unwrap().unwrap();
    let took = cancelled.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(2), "{took:?}");
}
