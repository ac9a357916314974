//! The function, called without a network, on a queue in a file.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

mod partitions;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use poem::http::StatusCode;
use serde_json::{Value, json};
use shared::error::{Ready, Result};
use shared::queue::{self, Followed, Follower, Queue, Start};
use shared::testing::{Broken, EntryBuilder};
use shared::{Arrival, LogEntry, Timestamp};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use support::{Lines, NDJSON, SSE, entry, listen, numbered, record, send, serve};

/// A queue, and the function that follows it.
struct Fixture {
    queue: Queue,
    shutdown: CancellationToken,
    reading: Arc<AtomicUsize>,
    endpoint: BoxEndpoint<'static, Response>,
    _directory: TempDir,
}

/// Counts how often the queue is followed.
struct Counted(Arc<dyn Follower>, Arc<AtomicUsize>);

#[async_trait]
impl Ready for Counted {
    async fn ready(&self) -> Result<()> {
        self.0.ready().await
    }
}

#[async_trait]
impl Follower for Counted {
    async fn follow(&self, start: Start) -> Result<Followed> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.follow(start).await
    }
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/queue.db", directory.path().display());
        let queue = queue::open(&url.parse().unwrap()).await.unwrap();
        let (shutdown, reading) = (CancellationToken::new(), Arc::default());
        let follower = Counted(queue.follower.clone(), Arc::clone(&reading));
        let endpoint = serve(Arc::new(follower), &shutdown);
        Self { queue, shutdown, reading, endpoint, _directory: directory }
    }

    /// Publishes entries as one record.
    async fn publish(&self, entries: &[LogEntry]) {
        self.queue.producer.publish(vec![record(entries)]).await.unwrap();
    }

    async fn send(&self, query: &str, headers: &[(&str, &str)]) -> Response {
        send(&self.endpoint, query, headers).await
    }

    /// Listens; every entry that is published afterwards is an event.
    async fn listen(&self, query: &str, headers: &[(&str, &str)]) -> Lines {
        listen(&self.endpoint, query, headers).await
    }
}

#[tokio::test]
async fn matching_entries_are_events() {
    let fixture = Fixture::new().await;
    let mut lines = fixture.listen("q=number&level=info", &[SSE]).await;
    let unwanted = EntryBuilder::new("number").level("ERROR").build();
    let wanted = entry("number 1");
    fixture.publish(&[entry("other"), unwanted, wanted.clone()]).await;
    let (id, message) = lines.event().await;
    assert_eq!(message, "number 1");
    assert!(id.starts_with(&wanted.id.to_string()), "{id}");
}

#[tokio::test]
async fn ndjson_has_an_entry_per_line_and_ends_at_the_limit() {
    let fixture = Fixture::new().await;
    let mut lines = fixture.listen("limit=2", &[NDJSON]).await;
    let entries = numbered(0..3);
    fixture.publish(&entries).await;
    for entry in &entries[..2] {
        let line: LogEntry = serde_json::from_str(&lines.next().await.unwrap()).unwrap();
        assert_eq!(&line, entry);
    }
    let end: Value = serde_json::from_str(&lines.next().await.unwrap()).unwrap();
    assert_eq!(end, json!({"event": "end", "reason": "limit"}));
    assert_eq!(lines.next().await, None);
}

#[tokio::test]
async fn a_client_continues_after_its_last_event() {
    let fixture = Fixture::new().await;
    let mut lines = fixture.listen("", &[SSE]).await;
    fixture.publish(&numbered(0..10)).await;
    fixture.publish(&numbered(10..20)).await;
    for last in [0, 3, 9, 10, 15, 19] {
        let mut all = fixture.listen("from=-1h", &[SSE]).await;
        let mut id = String::new();
        for _ in 0..=last {
            id = all.event().await.0;
        }
        let mut resumed = fixture.listen("", &[SSE, ("last-event-id", &id)]).await;
        let mut by_parameter = fixture.listen(&format!("from={id}"), &[SSE]).await;
        fixture.publish(&[entry("new")]).await;
        for lines in [&mut resumed, &mut by_parameter] {
            let missed = (last + 1..20).map(|n| format!("number {n}"));
            let expected: Vec<String> = missed.chain(["new".to_owned()]).collect();
            assert_eq!(lines.messages(expected.len()).await, expected, "after {last}");
        }
    }
    assert_eq!(lines.messages(20).await.len(), 20);
}

#[tokio::test]
async fn entries_of_a_busy_stream_are_neither_lost_nor_repeated_on_resuming() {
    let fixture = Fixture::new().await;
    let publishing = async {
        for n in 0..100 {
            fixture.publish(&numbered(n * 10..n * 10 + 10)).await;
        }
    };
    let reading = async {
        let mut seen = Vec::new();
        let mut lines = fixture.listen("from=-1h", &[SSE]).await;
        while seen.len() < 1000 {
            let (id, message) = lines.event().await;
            seen.push(message);
            if seen.len().is_multiple_of(70) {
                lines = fixture.listen("", &[SSE, ("last-event-id", &id)]).await;
            }
        }
        seen
    };
    let ((), seen) = tokio::join!(publishing, reading);
    let expected: Vec<String> = (0..1000).map(|n| format!("number {n}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_client_that_reads_slowly_learns_how_many_entries_were_dropped() {
    let fixture = Fixture::new().await;
    let mut slow = fixture.listen("", &[NDJSON]).await;
    let mut fast = fixture.listen("q=last", &[NDJSON]).await;
    let large: Vec<LogEntry> = (0..50).map(|_| entry("x".repeat(100_000))).collect();
    for entry in &large {
        fixture.publish(std::slice::from_ref(entry)).await;
    }
    fixture.publish(&[entry("last")]).await;
    assert!(fast.next().await.unwrap().contains("last"));
    let mut received = 0;
    while received < 15 {
        assert!(slow.next().await.unwrap().contains("xxx"));
        received += 1;
    }
    fixture.publish(&[entry("after")]).await;
    let mut dropped = 0;
    loop {
        let line: Value = serde_json::from_str(&slow.next().await.unwrap()).unwrap();
        match line["event"].as_str() {
            Some("dropped") => dropped += line["count"].as_u64().unwrap(),
            _ if line["message"] == "after" => break,
            _ => received += 1,
        }
    }
    assert!(dropped > 0);
    assert_eq!(received + dropped, 51);
}

#[tokio::test]
async fn a_sample_is_the_same_for_every_client() {
    let fixture = Fixture::new().await;
    let mut one = fixture.listen("sample=1/10", &[NDJSON]).await;
    let mut other = fixture.listen("sample=1/10", &[NDJSON]).await;
    // The ids of one request differ only in a counter.
    let arrival = Arrival::new(Timestamp::now());
    let entry = |n| EntryBuilder::new("m").arrival(&arrival, n).build();
    fixture.publish(&(0..1000).map(entry).collect::<Vec<_>>()).await;
    for _ in 0..50 {
        assert_eq!(one.next().await, other.next().await);
    }
}

#[tokio::test]
async fn streams_end_when_the_server_shuts_down() {
    let fixture = Fixture::new().await;
    let mut lines = fixture.listen("", &[SSE]).await;
    fixture.shutdown.cancel();
    assert_eq!(lines.next().await.unwrap(), "event: end");
    assert_eq!(lines.next().await.unwrap(), r#"data: {"reason":"shutdown"}"#);
    assert_eq!(lines.next().await, None);
}

#[tokio::test]
async fn the_queue_is_read_once_and_only_while_someone_listens() {
    let fixture = Fixture::new().await;
    let followed = || fixture.reading.load(Ordering::Relaxed);
    assert_eq!(followed(), 0);
    let streams = [fixture.listen("", &[SSE]).await, fixture.listen("", &[SSE]).await];
    assert_eq!(followed(), 1);
    drop(streams);
    let mut lines = fixture.listen("", &[SSE]).await;
    assert_eq!(followed(), 2);
    fixture.publish(&[entry("a")]).await;
    assert_eq!(lines.event().await.1, "a");
}

#[tokio::test]
async fn invalid_parameters_and_outages_are_reported() {
    let fixture = Fixture::new().await;
    for (query, header, field) in [
        ("q=@ms:%3E%3D", None, "q"),
        ("limit=0", None, "limit"),
        ("sample=10", None, "sample"),
        ("sample=1/0", None, "sample"),
        ("from=never", None, "from"),
        ("to=now", None, "to"),
        ("", Some("x"), "Last-Event-ID"),
    ] {
        let headers: Vec<(&str, &str)> =
            header.map(|id| ("last-event-id", id)).into_iter().collect();
        let response = fixture.send(query, &headers).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        let problem = response.into_body().into_string().await.unwrap();
        let problem: Value = serde_json::from_str(&problem).unwrap();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let broken = serve(Arc::new(Broken), &fixture.shutdown);
    for query in ["", "from=-1h"] {
        let response = send(&broken, query, &[]).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
