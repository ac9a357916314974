//! Calls the function without a network.

use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::BoxEndpoint;
use poem::http::{StatusCode, Uri};
use poem::{Endpoint, EndpointExt, Request, Response};
use serde_json::Value;
use shared::LogEntry;
use shared::config::HttpConfig;
use shared::http::endpoint;
use shared::queue::{Follower, Record, RecordPacker};
use shared::testing::EntryBuilder;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) const SSE: (&str, &str) = ("accept", "text/event-stream");
pub(crate) const NDJSON: (&str, &str) = ("accept", "application/x-ndjson");

/// Long enough for any event to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) fn serve(
    follower: Arc<dyn Follower>,
    shutdown: &CancellationToken,
) -> BoxEndpoint<'static, Response> {
    let functions = vec![tail::function(follower, shutdown.clone())];
    let served = endpoint(functions, &HttpConfig::default(), None, &CancellationToken::new());
    served.unwrap().boxed()
}

/// Listens; every entry that is published afterwards is an event.
pub(crate) async fn listen(
    endpoint: &BoxEndpoint<'static, Response>,
    query: &str,
    headers: &[(&str, &str)],
) -> Lines {
    let response = send(endpoint, query, headers).await;
    assert_eq!(response.status(), StatusCode::OK);
    Lines(BufReader::new(Box::pin(response.into_body().into_async_read())))
}

/// The entries as one record.
pub(crate) fn record(entries: &[LogEntry]) -> Record {
    let mut packer = RecordPacker::default();
    for entry in entries {
        packer.push(entry, usize::MAX).unwrap();
    }
    packer.finish().remove(0)
}

pub(crate) fn entry(message: impl Into<String>) -> LogEntry {
    EntryBuilder::new(message).level("INFO").build()
}

pub(crate) fn numbered(range: std::ops::Range<usize>) -> Vec<LogEntry> {
    range.map(|n| entry(format!("number {n}"))).collect()
}

pub(crate) async fn send(
    endpoint: &BoxEndpoint<'static, Response>,
    query: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut request = Request::builder().uri(format!("/logs/tail?{query}").parse::<Uri>().unwrap());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    endpoint.call(request.finish()).await.unwrap()
}

/// The lines of a response.
pub(crate) struct Lines(BufReader<std::pin::Pin<Box<dyn tokio::io::AsyncRead + Send>>>);

impl Lines {
    /// The next line that belongs to an event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            let read = timeout(DEADLINE, self.0.read_line(&mut line)).await.unwrap().unwrap();
            let line = line.trim_end();
            if read == 0 {
                return None;
            }
            if !line.is_empty() && !line.starts_with(':') && !line.starts_with("id: @") {
                return Some(line.to_owned());
            }
        }
    }

    /// The id and the message of the next event.
    pub(crate) async fn event(&mut self) -> (String, String) {
        let id = self.next().await.unwrap();
        let data = self.next().await.unwrap();
        let entry: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        let message = entry["message"].as_str().unwrap().to_owned();
        (id.strip_prefix("id: ").unwrap().to_owned(), message)
    }

    pub(crate) async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut messages = Vec::new();
        for _ in 0..count {
            messages.push(self.event().await.1);
        }
        messages
    }
}
