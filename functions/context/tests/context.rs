//! The function, called without a network.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic fails the test")]

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::TestClient;
use serde_json::Value;
use shared::config::HttpConfig;
use shared::error::{Ready, Refused, Result};
use shared::http::endpoint;
use shared::index::{self, Index, Snapshot};
use shared::log_entry::Day;
use shared::retention::Class;
use shared::search::{SearchHits, SearchQuery};
use shared::testing::{Broken, EntryBuilder};
use shared::{Arrival, EntryId, LogEntry, Timestamp};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn client(index: Arc<dyn Index>) -> TestClient<impl Endpoint> {
    let functions = vec![context::function(index)];
    let config = HttpConfig::default();
    TestClient::new(endpoint(functions, &config, None, &CancellationToken::new()).unwrap())
}

/// Ten entries of the services `shop` (even numbers) and `bank` (odd numbers) in the order of their
/// timestamps; the ids are in the opposite order. 4 and 5 have the same timestamp as 6. The last
/// six belong to one trace.
fn entries() -> Vec<LogEntry> {
    let arrival = Arrival::new(Timestamp::now());
    let entry = |number: u32| {
        let second = if (4..=6).contains(&number) { 6 } else { number };
        let timestamp = Timestamp::parse(&format!("2024-06-14T12:00:{second:02}Z")).unwrap();
        let entry = EntryBuilder::new(format!("number {number}")).arrival(&arrival, 9 - number);
        let entry = entry.service(if number.is_multiple_of(2) { "shop" } else { "bank" });
        let entry = entry.timestamp(timestamp);
        if number < 4 { entry.build() } else { entry.trace(TRACE, "00f067aa0ba902b7").build() }
    };
    (0..10).map(entry).collect()
}

async fn index_of(folder: &TempDir, entries: &[LogEntry]) -> Arc<dyn Index> {
    let url = format!("tantivy://{}/index", folder.path().display());
    let index = index::open(&Url::parse(&url).unwrap()).await.unwrap();
    index.add(entries).await.unwrap();
    index
}

async fn get(client: &TestClient<impl Endpoint>, path: &str) -> Value {
    let response = client.get(path).send().await;
    response.assert_status_is_ok();
    response.json().await.value().deserialize()
}

fn messages(context: &Value) -> Vec<&str> {
    let entries = context["data"].as_array().unwrap().iter();
    entries.map(|entry| entry["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn neighbours_of_the_service_are_in_the_order_of_timestamp_and_id() {
    let folder = tempfile::tempdir().unwrap();
    let entries = entries();
    let client = client(index_of(&folder, &entries).await);

    let context = get(&client, &format!("/logs/{}/context", entries[4].id)).await;

    // 6 and 4 have the same timestamp, and 6 has the lower id.
    let expected = ["number 0", "number 2", "number 6", "number 4", "number 8"];
    assert_eq!(messages(&context), expected);
    assert_eq!(context["position"], 3);
    for absent in ["before_cursor", "after_cursor", "index"] {
        assert!(context.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn each_side_has_the_requested_number_of_the_closest_entries_and_a_cursor_for_more() {
    let folder = tempfile::tempdir().unwrap();
    let entries = entries();
    let index = index_of(&folder, &entries).await;
    let client = client(index);

    let path = format!("/logs/{}/context?before=2&after=0", entries[4].id);
    let context = get(&client, &path).await;

    assert_eq!(messages(&context), ["number 2", "number 6", "number 4"]);
    assert_eq!(context["position"], 2);
    assert!(context["before_cursor"].is_string());
    assert!(context.get("after_cursor").is_none());
}

#[tokio::test]
async fn neighbours_of_the_trace_are_from_any_service() {
    let folder = tempfile::tempdir().unwrap();
    let entries = entries();
    let client = client(index_of(&folder, &entries).await);

    let path = format!("/logs/{}/context?scope=trace&after=1", entries[5].id);
    let context = get(&client, &path).await;

    assert_eq!(messages(&context), ["number 6", "number 5", "number 4"]);
    assert_eq!(context["position"], 1);
    assert!(context["after_cursor"].is_string());
}

#[tokio::test]
async fn an_entry_without_a_trace_has_no_neighbours_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let entries = entries();
    let client = client(index_of(&folder, &entries).await);
    let context = get(&client, &format!("/logs/{}/context?scope=trace", entries[0].id)).await;
    assert_eq!(messages(&context), ["number 0"]);
    assert_eq!(context["position"], 0);
}

#[tokio::test]
async fn an_entry_that_is_not_searchable_is_a_404_that_says_whether_to_retry() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(index_of(&folder, &[]).await);

    let recent = EntryBuilder::new("not indexed").build().id;
    let response = client.get(format!("/logs/{recent}/context")).send().await;
    response.assert_status(StatusCode::NOT_FOUND);
    response.assert_header("retry-after", "1");

    for id in ["0190163d-8694-739b-aea5-966c26f8ad91", "17", "%FF"] {
        let response = client.get(format!("/logs/{id}/context")).send().await;
        response.assert_status(StatusCode::NOT_FOUND);
        response.assert_header_is_not_exist("retry-after");
    }
}

#[tokio::test]
async fn invalid_parameters_are_named_with_what_is_allowed() {
    let client = client(Arc::new(Broken));
    for (query, detail) in [
        ("before=1001", "before: must be a whole number from 0 to 1000"),
        ("after=-1", "after: must be a whole number from 0 to 1000"),
        ("scope=host", "scope: must be service or trace"),
        (
            "earlier=5",
            "earlier: unknown parameter; did you mean before? (valid parameters: before, after, scope)",
        ),
    ] {
        let path = format!("/logs/0190163d-8694-739b-aea5-966c26f8ad91/context?{query}");
        let response = client.get(path).send().await;
        response.assert_status(StatusCode::BAD_REQUEST);
        assert_eq!(response.json().await.value().object().get("detail").string(), detail);
    }
}

#[tokio::test]
async fn an_index_outage_is_a_503_with_retry_after() {
    let path = "/logs/0190163d-8694-739b-aea5-966c26f8ad91/context";
    let response = client(Arc::new(Broken)).get(path).send().await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "1");
}

/// An index that is being built.
struct Rebuilding(Arc<dyn Index>);

#[async_trait]
impl Ready for Rebuilding {
    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Index for Rebuilding {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        self.0.add(entries).await
    }

    async fn delete(&self, class: &Class, ids: &[EntryId]) -> Result<()> {
        self.0.delete(class, ids).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        Ok(SearchHits { is_rebuilding: true, ..self.0.search(query).await? })
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        self.0.snapshot().await
    }

    async fn days(&self, class: &Class) -> Result<BTreeSet<Day>> {
        self.0.days(class).await
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        self.0.drop_before(class, first).await
    }
}

#[tokio::test]
async fn while_the_index_is_being_built_the_response_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let entries = entries();
    let client = client(Arc::new(Rebuilding(index_of(&folder, &entries).await)));

    let path = format!("/logs/{}/context?before=0&after=0", entries[4].id);
    assert_eq!(get(&client, &path).await["index"], "rebuilding");

    let missing = "/logs/0190163d-8694-739b-aea5-966c26f8ad91/context";
    let response = client.get(missing).send().await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "10");
}
