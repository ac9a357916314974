//! A client of the live tail that resumes after its last event, as browsers do.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

/// Long enough for a stream to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Receives the entries of a service as Server-Sent Events.
pub struct TailClient {
    http: Client,
    service: String,
    stream: Option<Response>,
    unread: Vec<u8>,
    /// The id of the last event.
    pub last_event_id: Option<String>,
}

impl TailClient {
    /// Creates a client that is not connected.
    #[must_use]
    pub fn new(service: &str) -> Self {
        let service = service.to_owned();
        Self { http: Client::new(), service, stream: None, unread: Vec::new(), last_event_id: None }
    }

    /// Listens, or continues after the last event, at this URL of `/logs/tail`. Every entry that is
    /// saved afterwards is an event. Returns whether the connection succeeded.
    pub async fn connect(&mut self, url: &str) -> bool {
        self.disconnect();
        let mut request = self.http.get(url).query(&[("service_name", &self.service)]);
        if let Some(id) = &self.last_event_id {
            request = request.header("last-event-id", id);
        }
        let start = async {
            let mut stream = request.send().await.ok()?;
            if stream.status() != StatusCode::OK {
                return None;
            }
            assert_eq!(stream.headers()["content-type"], "text/event-stream");
            // The first chunk shows that the server listens.
            let chunk = stream.chunk().await.ok()??;
            Some((stream, chunk))
        };
        let Ok(Some((stream, chunk))) = timeout(START_TIMEOUT, start).await else { return false };
        self.unread.extend_from_slice(&chunk);
        self.stream = Some(stream);
        true
    }

    /// Closes the connection.
    pub fn disconnect(&mut self) {
        self.stream = None;
        // The last event may be incomplete.
        self.unread.clear();
    }

    /// Waits for the next entry. Returns `None` if the connection ends.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(event) = self.take_event() {
                if let Some(entry) = self.read_entry(&event) {
                    return Some(entry);
                }
            }
            let chunk = self.stream.as_mut()?.chunk().await;
            let Ok(Some(chunk)) = chunk else {
                self.disconnect();
                return None;
            };
            self.unread.extend_from_slice(&chunk);
        }
    }

    /// Takes the first event, if it is complete.
    fn take_event(&mut self) -> Option<String> {
        let end = self.unread.windows(2).position(|bytes| bytes == b"\n\n")?;
        let event = self.unread.drain(..end + 2).collect();
        Some(String::from_utf8(event).unwrap())
    }

    /// Reads the entry of an event, if it has one.
    fn read_entry(&mut self, event: &str) -> Option<Value> {
        assert!(!event.starts_with("event: dropped"), "the client reads too slowly: {event}");
        let mut entry = None;
        for line in event.lines() {
            if let Some(id) = line.strip_prefix("id: ") {
                self.last_event_id = Some(id.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ")
                && !event.starts_with("event: ")
            {
                entry = serde_json::from_str(data).unwrap();
            }
        }
        entry
    }
}
