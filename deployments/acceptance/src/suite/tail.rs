//! Tests for the live tail.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{Api, unique};

/// Long enough for any event to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

/// A stream of Server-Sent Events.
struct Events {
    response: Response,
    unread: String,
    read: VecDeque<(String, Value)>,
}

impl Events {
    /// Listens. Every entry that is saved afterwards is an event.
    async fn listen(api: &Api, service: &str, last_event_id: Option<&str>) -> Self {
        let mut request = api.http.get(api.url("/logs/tail")).query(&[("service_name", service)]);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let mut response = api.send(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let start = timeout(DEADLINE, response.chunk()).await.unwrap().unwrap().unwrap();
        let unread = String::from_utf8(start.to_vec()).unwrap();
        Self { response, unread, read: VecDeque::new() }
    }

    /// The id and the entry of the next event.
    async fn next(&mut self) -> (String, Value) {
        loop {
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.unread = rest;
                if let Some((id, data)) = event.split_once('\n')
                    && let Some(id) = id.strip_prefix("id: ")
                {
                    let data = data.strip_prefix("data: ").unwrap();
                    self.read.push_back((id.to_owned(), serde_json::from_str(data).unwrap()));
                }
            }
            if let Some(event) = self.read.pop_front() {
                return event;
            }
            let chunk = timeout(DEADLINE, self.response.chunk()).await.unwrap().unwrap();
            self.unread += str::from_utf8(&chunk.expect("the stream ended")).unwrap();
        }
    }
}

async fn save(api: &Api, service: &str, messages: &[String]) -> Vec<String> {
    let entries = messages.iter().map(|message| json!({"service": service, "message": message}));
    let body = json!(entries.collect::<Vec<_>>()).to_string();
    let response = api.post("/logs/batch?ids=true", "application/json", body).await;
    let saved: Value = response.json().await.unwrap();
    let ids = saved["ids"]
        .as_array()
        .unwrap_or_else(|| panic!("{saved}"))
        .iter()
        .map(|id| id.as_str().unwrap().to_owned());
    ids.collect()
}

pub async fn entries_are_streamed_as_they_arrive(api: &Api) {
    let service = unique("tail");
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(Events::listen(api, &service, None).await);
    }
    save(api, &unique("other"), &["unwanted".to_owned()]).await;
    let saved = save(api, &service, &["wanted".to_owned()]).await;
    let stored = api.entry(&saved[0]).await.unwrap();
    for events in &mut streams {
        let (id, entry) = events.next().await;
        assert!(id.starts_with(&saved[0]), "{id}");
        assert_eq!(entry, stored);
    }
}

pub async fn a_stream_continues_after_its_last_event(api: &Api) {
    let service = unique("resume");
    let mut expected = Vec::new();
    let mut received = Vec::new();
    let mut events = Events::listen(api, &service, None).await;
    for round in 0..10 {
        let messages: Vec<String> = (0..20).map(|n| format!("{round} {n}")).collect();
        expected.extend(save(api, &service, &messages).await);
        let mut last = String::new();
        for _ in 0..15 {
            let (id, entry) = events.next().await;
            received.push(entry["id"].as_str().unwrap().to_owned());
            last = id;
        }
        drop(events);
        // In a cluster, another replica may serve it.
        events = Events::listen(api, &service, Some(&last)).await;
    }
    while received.len() < expected.len() {
        received.push(events.next().await.1["id"].as_str().unwrap().to_owned());
    }
    received.sort_unstable();
    expected.sort_unstable();
    assert_eq!(received, expected);
}
