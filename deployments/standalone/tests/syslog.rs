//! Syslog messages to standalone LogPulse: they can be found, and survive SIGTERM and `kill -9`.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod support;

use std::collections::HashSet;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};

use acceptance::{Api, unique};

/// The number of messages that are sent together.
const MESSAGES: usize = 2000;

/// A port that is free at the moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends numbered messages, half of them preceded by their length, over one connection.
fn send_numbered(connection: &mut TcpStream, app: &str) {
    let framed = (0..MESSAGES).map(|number| {
        let message = format!("<13>1 - host {app} - - - number {number}");
        match number % 2 {
            0 => format!("{message}\n"),
            _ => format!("{} {message}", message.len()),
        }
    });
    connection.write_all(framed.collect::<Vec<_>>().concat().as_bytes()).unwrap();
}

/// Asserts that each numbered message can be found once.
async fn assert_numbered(api: &Api, app: &str) {
    api.search_until(&[("service_name", app)], MESSAGES as u64).await;
    let entries = api.all_entries(app).await;
    let messages: HashSet<&str> =
        entries.iter().map(|entry| entry["message"].as_str().unwrap()).collect();
    assert_eq!((entries.len(), messages.len()), (MESSAGES, MESSAGES));
}

#[tokio::test]
async fn messages_over_tcp_and_udp_can_be_found() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let server = support::start(folder.path(), &[("SYSLOG_PORT", &port.to_string())]);
    let api = Api::new(&server.url);
    let app = unique("syslog");
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let message = format!(r#"<11>1 2026-11-27T00:00:00Z web {app} 7 ID1 [x@1 a="b"] over TCP"#);
    writeln!(tcp, "{message}").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let message = format!("<14>{app}[8]: over UDP");
    udp.send_to(message.as_bytes(), ("127.0.0.1", port)).unwrap();

    let tcp = api.search_until(&[("service_name", &app), ("level", "ERROR")], 1).await;
    let entry = &tcp["data"][0];
    assert_eq!(entry["message"], "over TCP");
    assert_eq!(entry["timestamp"], "2026-11-27T00:00:00.000000Z");
    let attributes = serde_json::json!({
        "hostname": "web", "procid": "7", "msgid": "ID1", "facility": "user",
        "structured_data": {"x@1": {"a": "b"}},
    });
    assert_eq!(entry["attributes"], attributes);
    let udp = api.search_until(&[("service_name", &app), ("level", "INFO")], 1).await;
    assert_eq!(udp["data"][0]["message"], "over UDP");
    let metrics = api.get("/metrics").await.text().await.unwrap();
    assert!(
        metrics.contains("ingest_entries_accepted_total{protocol=\"syslog\"} 2\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn no_message_that_has_arrived_is_lost_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let server = support::start(folder.path(), &[("SYSLOG_PORT", &port.to_string())]);
    let app = unique("syslog-sigterm");
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    send_numbered(&mut tcp, &app);

    let status = tokio::task::spawn_blocking(move || server.terminate()).await.unwrap();

    assert_eq!(status.code(), Some(0));
    let server = support::start(folder.path(), &[]);
    assert_numbered(&Api::new(&server.url), &app).await;
}

#[tokio::test]
async fn messages_that_were_found_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let server = support::start(folder.path(), &[("SYSLOG_PORT", &port.to_string())]);
    let app = unique("syslog-kill");
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    send_numbered(&mut tcp, &app);
    assert_numbered(&Api::new(&server.url), &app).await;

    server.kill();

    let server = support::start(folder.path(), &[]);
    assert_numbered(&Api::new(&server.url), &app).await;
}
