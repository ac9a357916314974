//! Tests for the live tail.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{Api, TailClient, unique};

/// Long enough for any event to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

async fn connect(client: &mut TailClient, api: &Api) {
    assert!(client.connect(&api.url("/logs/tail")).await, "the tail is unavailable");
}

async fn next(client: &mut TailClient) -> Value {
    timeout(DEADLINE, client.next()).await.unwrap().expect("the stream ended")
}

async fn save(api: &Api, service: &str, messages: &[String]) -> Vec<String> {
    let entries = messages.iter().map(|message| json!({"service": service, "message": message}));
    let body = json!(entries.collect::<Vec<_>>()).to_string();
    let response = api.post("/logs/batch?ids=true", "application/json", body).await;
    let saved: Value = response.json().await.unwrap();
    let ids = saved["ids"].as_array().unwrap_or_else(|| panic!("{saved}")).iter();
    ids.map(id).collect()
}

fn id(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub async fn entries_are_streamed_as_they_arrive(api: &Api) {
    let service = unique("tail");
    let mut clients = [(); 3].map(|()| TailClient::new(&service));
    for client in &mut clients {
        connect(client, api).await;
    }
    save(api, &unique("other"), &["unwanted".to_owned()]).await;
    let saved = save(api, &service, &["wanted é".to_owned()]).await;
    let stored = api.entry(&saved[0]).await.unwrap();
    for client in &mut clients {
        assert_eq!(next(client).await, stored);
        assert!(client.last_event_id.as_ref().unwrap().starts_with(&saved[0]));
    }
}

pub async fn a_stream_continues_after_its_last_event(api: &Api) {
    let service = unique("resume");
    let mut expected = Vec::new();
    let mut received = Vec::new();
    let mut client = TailClient::new(&service);
    connect(&mut client, api).await;
    for round in 0..10 {
        let messages: Vec<String> = (0..20).map(|n| format!("{round} {n}")).collect();
        expected.extend(save(api, &service, &messages).await);
        for _ in 0..15 {
            received.push(id(&next(&mut client).await["id"]));
        }
        // In a cluster, another replica may serve it.
        connect(&mut client, api).await;
    }
    while received.len() < expected.len() {
        received.push(id(&next(&mut client).await["id"]));
    }
    received.sort_unstable();
    expected.sort_unstable();
    assert_eq!(received, expected);
}
