//! The function, called without a network.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use std::sync::Arc;

use poem::http::{StatusCode, Uri};
use poem::{Endpoint, Request, Response};
use serde_json::{Value, json};
use shared::config::HttpConfig;
use shared::http::endpoint;
use shared::index::{self, Index};
use shared::testing::{Broken, EntryBuilder};
use shared::{LogEntry, Timestamp};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

fn patterns(index: Arc<dyn Index>) -> impl Endpoint<Output = Response> {
    let functions = vec![patterns::function(index)];
    endpoint(functions, &HttpConfig::default(), None, &CancellationToken::new()).unwrap()
}

async fn index_of(folder: &TempDir, entries: &[LogEntry]) -> Arc<dyn Index> {
    let url = format!("tantivy://{}/index", folder.path().display());
    let index = index::open(&Url::parse(&url).unwrap()).await.unwrap();
    index.add(entries).await.unwrap();
    index
}

async fn send(endpoint: &impl Endpoint<Output = Response>, query: &str) -> (StatusCode, Value) {
    let uri: Uri = format!("/logs/patterns?{query}").parse().unwrap();
    let response = endpoint.call(Request::builder().uri(uri).finish()).await.unwrap();
    let status = response.status();
    let body = response.into_body().into_string().await.unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

async fn get(endpoint: &impl Endpoint<Output = Response>, query: &str) -> Value {
    let (status, body) = send(endpoint, query).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

/// An entry, `second` seconds after noon.
fn entry(second: u32, message: impl Into<String>) -> LogEntry {
    let time = format!("2024-06-14T12:{:02}:{:02}Z", second / 60, second % 60);
    EntryBuilder::new(message).timestamp(Timestamp::parse(&time).unwrap()).build()
}

/// Six entries with three patterns.
fn entries() -> Vec<LogEntry> {
    vec![
        entry(0, "connection from 10.0.0.1 closed"),
        entry(1, "connection from 10.0.0.2 closed"),
        entry(30, "connection from 10.0.0.1 closed"),
        entry(40, "took 12 ms"),
        entry(50, "took 7.5 ms"),
        entry(59, "started"),
    ]
}

fn templates(list: &Value) -> Vec<(&str, u64)> {
    let patterns = list["patterns"].as_array().unwrap().iter();
    patterns
        .map(|one| (one["template"].as_str().unwrap(), one["count"].as_u64().unwrap()))
        .collect()
}

#[tokio::test]
async fn patterns_have_counts_times_examples_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let entries = entries();
    let endpoint = patterns(index_of(&folder, &entries).await);
    let range = "from=2024-06-14T12:00:00Z&to=2024-06-14T12:01:00Z";
    let found = get(&endpoint, range).await;
    assert_eq!((&found["total"], &found["other"]), (&json!(6), &json!(0)));
    let expected = [("connection from <ip> closed", 3), ("took <duration>", 2), ("started", 1)];
    assert_eq!(templates(&found), expected);

    let first = &found["patterns"][0];
    let mut sparkline = vec![0; 30];
    (sparkline[0], sparkline[15]) = (2, 1);
    assert_eq!(first["share"], 0.5);
    assert_eq!(first["first_seen"], "2024-06-14T12:00:00.000000Z");
    assert_eq!(first["last_seen"], "2024-06-14T12:00:30.000000Z");
    assert_eq!(first["sparkline"], json!(sparkline));
    assert_eq!(first["example_ids"], json!([entries[2].id, entries[1].id, entries[0].id]));
    let variables = json!([{"placeholder": "<ip>", "values": ["10.0.0.1", "10.0.0.2"]}]);
    assert_eq!(first["variables"], variables);

    let q = first["q"].as_str().unwrap();
    let found = get(&endpoint, &format!("q={q}")).await;
    assert_eq!((templates(&found), &found["total"]), (vec![expected[0]], &json!(3)));
}

#[tokio::test]
async fn similar_templates_are_merged_and_found_together() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
    let entries: Vec<LogEntry> = (0..)
        .zip(names)
        .map(|(second, name)| entry(second, format!("user {name} logged in from 10.0.0.1")))
        .collect();
    let endpoint = patterns(index_of(&folder, &entries).await);
    let found = get(&endpoint, "").await;
    assert_eq!(templates(&found), [("user <*> logged in from <ip>", 8)]);
    let pattern = &found["patterns"][0];
    assert_eq!(pattern["templates"], 8);
    let values = &pattern["variables"][0]["values"];
    assert_eq!(values, &json!(["heidi", "grace", "frank", "erin", "dave"]));
    let q = pattern["q"].as_str().unwrap().replace(' ', "%20");
    assert_eq!(get(&endpoint, &format!("q={q}")).await["total"], 8);
}

#[tokio::test]
async fn only_patterns_that_did_not_occur_before_are_new() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = patterns(index_of(&folder, &entries()).await);
    let found = get(&endpoint, "new_since=2024-06-14T12:00:20Z").await;
    assert_eq!(templates(&found), [("took <duration>", 2), ("started", 1)]);
    assert_eq!((&found["total"], &found["other"]), (&json!(4), &json!(1)));
    let found = get(&endpoint, "new_since=2024-06-14T12:00:45Z").await;
    assert_eq!(templates(&found), [("started", 1)]);
    // Only one of the messages about connections matches the filter.
    let found = get(&endpoint, "new_since=2024-06-14T12:00:01Z&q=10.0.0.2").await;
    assert_eq!(templates(&found), [("connection from <ip> closed", 1)]);
}

#[tokio::test]
async fn a_new_name_in_an_old_message_is_not_a_new_pattern() {
    let folder = tempfile::tempdir().unwrap();
    let login = |second, name| entry(second, format!("user {name} logged in"));
    let mut entries: Vec<LogEntry> = (0..)
        .zip(["alice", "bob", "carol", "dave"])
        .map(|(second, name)| login(second, name))
        .collect();
    entries.extend([login(30, "ivan"), entry(31, "started"), entry(32, "started")]);
    let names = ["erin", "frank", "grace", "heidi"].map(|name| format!("user {name} was banned"));
    entries.extend((40..).zip(names).map(|(second, message)| entry(second, message)));
    let endpoint = patterns(index_of(&folder, &entries).await);
    let found = get(&endpoint, "new_since=2024-06-14T12:00:20Z").await;
    assert_eq!(templates(&found), [("user <*> was banned", 4), ("started", 2)]);
    assert_eq!((&found["total"], &found["other"]), (&json!(7), &json!(1)));
}

#[tokio::test]
async fn the_most_common_patterns_are_listed_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = patterns(index_of(&folder, &entries()).await);
    let found = get(&endpoint, "limit=1").await;
    assert_eq!(templates(&found), [("connection from <ip> closed", 3)]);
    assert_eq!(found["other"], 3);
    assert_eq!(found["to"], "2024-06-14T12:00:59.000001Z");
}

#[tokio::test]
async fn an_index_without_hits_has_no_patterns() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = patterns(index_of(&folder, &[]).await);
    assert_eq!(get(&endpoint, "").await, json!({"total": 0, "patterns": [], "other": 0}));
}

#[tokio::test]
async fn invalid_parameters_and_outages_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = patterns(index_of(&folder, &[]).await);
    for (query, field) in
        [("limit=1001", "limit"), ("new_since=soon", "new_since"), ("top=1", "top")]
    {
        let (status, problem) = send(&endpoint, query).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let (status, _) = send(&patterns(Arc::new(Broken)), "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}
