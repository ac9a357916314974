//! The function, called without a network.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use std::sync::Arc;

use poem::http::{StatusCode, Uri};
use poem::{Endpoint, Request, Response};
use serde_json::{Value, json};
use shared::LogEntry;
use shared::config::HttpConfig;
use shared::http::endpoint;
use shared::index::{self, Index};
use shared::testing::{Broken, EntryBuilder};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

fn fields(index: Arc<dyn Index>) -> impl Endpoint<Output = Response> {
    let functions = vec![fields::function(index)];
    endpoint(functions, &HttpConfig::default(), None, &CancellationToken::new()).unwrap()
}

async fn index_of(folder: &TempDir, entries: &[LogEntry]) -> Arc<dyn Index> {
    let url = format!("tantivy://{}/index", folder.path().display());
    let index = index::open(&Url::parse(&url).unwrap()).await.unwrap();
    index.add(entries).await.unwrap();
    index
}

async fn send(endpoint: &impl Endpoint<Output = Response>, query: &str) -> (StatusCode, Value) {
    let uri: Uri = format!("/logs/fields?{query}").parse().unwrap();
    let response = endpoint.call(Request::builder().uri(uri).finish()).await.unwrap();
    let status = response.status();
    let body = response.into_body().into_string().await.unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

fn entry(level: &str, attributes: &str) -> LogEntry {
    EntryBuilder::new("request").level(level).service("web").attributes(attributes).build()
}

#[tokio::test]
async fn fields_are_listed_with_types_share_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let entries = [
        entry("INFO", r#"{"status":200,"http":{"path":"/a"}}"#),
        entry("INFO", r#"{"status":"200","ok":true}"#),
        entry("ERROR", r#"{"status":500,"ok":null}"#),
        entry("INFO", "{}"),
    ];
    let endpoint = fields(index_of(&folder, &entries).await);
    let (status, found) = send(&endpoint, "values=2").await;
    assert_eq!(status, StatusCode::OK, "{found}");
    let field = |name, types: &[&str], share, distinct, values: &[(&str, u32)]| {
        let values: Vec<Value> =
            values.iter().map(|(value, count)| json!({"value": value, "count": count})).collect();
        let [name, share]: [Value; 2] = [json!(name), json!(share)];
        json!({
            "name": name,
            "types": types,
            "share": share,
            "distinct": distinct,
            "values": values,
        })
    };
    let expected = json!({
        "total": 4,
        "examined": 4,
        "fields": [
            field("level", &["string"], 1.0, 2, &[("INFO", 3), ("ERROR", 1)]),
            field("service_name", &["string"], 1.0, 1, &[("web", 4)]),
            field("attributes.status", &["string", "number"], 0.75, 2, &[("200", 2), ("500", 1)]),
            field("attributes.ok", &["boolean", "null"], 0.5, 2, &[("null", 1), ("true", 1)]),
            field("attributes.http.path", &["string"], 0.25, 1, &[("/a", 1)]),
        ],
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn only_fields_of_the_hits_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let entries = [entry("INFO", r#"{"a":1}"#), entry("ERROR", r#"{"b":1}"#)];
    let endpoint = fields(index_of(&folder, &entries).await);
    let (_, found) = send(&endpoint, "level=error&values=0").await;
    let names: Vec<&Value> =
        found["fields"].as_array().unwrap().iter().map(|field| &field["name"]).collect();
    assert_eq!(names, ["level", "service_name", "attributes.b"]);
    assert_eq!(found["fields"][0]["values"], json!([]));
}

#[tokio::test]
async fn attributes_that_stats_cannot_count_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let long = json!({"": 1, "a".repeat(257): 1, "b".repeat(256): 1}).to_string();
    let endpoint = fields(index_of(&folder, &[entry("INFO", &long)]).await);
    let (_, found) = send(&endpoint, "").await;
    let names: Vec<&Value> =
        found["fields"].as_array().unwrap().iter().map(|field| &field["name"]).collect();
    let expected = format!("attributes.{}", "b".repeat(256));
    assert_eq!(names, ["level", "service_name", expected.as_str()]);
    assert_eq!(found.get("truncated"), None);
}

#[tokio::test]
async fn the_document_lists_the_types_and_the_state_of_the_index() {
    let schemas = &fields::document()["components"]["schemas"];
    assert_eq!(schemas["FieldType"]["enum"], json!(["string", "number", "boolean", "null"]));
    assert_eq!(schemas["IndexState"]["enum"], json!(["rebuilding"]));
}

#[tokio::test]
async fn an_index_without_hits_has_no_fields() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = fields(index_of(&folder, &[]).await);
    let (_, found) = send(&endpoint, "").await;
    assert_eq!(found, json!({"total": 0, "examined": 0, "fields": []}));
}

#[tokio::test]
async fn invalid_parameters_and_outages_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = fields(index_of(&folder, &[]).await);
    for (query, field) in [("values=21", "values"), ("q=level:", "q"), ("sort=newest", "sort")] {
        let (status, problem) = send(&endpoint, query).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let (status, _) = send(&fields(Arc::new(Broken)), "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}
