//! Calls the function without a network.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic fails the test")]

use std::sync::Arc;

use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::TestClient;
use serde_json::json;
use shared::config::HttpConfig;
use shared::http::endpoint;
use shared::index::{self, Index};
use shared::testing::{Broken, EntryBuilder};
use shared::{Arrival, LogEntry, Timestamp};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

fn client(index: Arc<dyn Index>) -> TestClient<impl Endpoint> {
    let functions = vec![search::function(index)];
    let config = HttpConfig::default();
    TestClient::new(endpoint(functions, &config, None, &CancellationToken::new()).unwrap())
}

/// Three errors from the service `payment` that arrived in one request: "number 0" is the oldest.
fn payment_errors() -> [LogEntry; 3] {
    let arrival = Arrival::new(Timestamp::now());
    [0, 1, 2].map(|number| {
        let entry = EntryBuilder::new(format!("number {number}")).arrival(&arrival, number);
        entry.service("payment").level("error").build()
    })
}

async fn index_of_payment_errors(folder: &TempDir) -> Arc<dyn Index> {
    let url = format!("tantivy://{}/index", folder.path().display());
    let index = index::open(&Url::parse(&url).unwrap()).await.unwrap();
    index.add(&payment_errors()).await.unwrap();
    index
}

#[tokio::test]
async fn a_page_has_the_total_and_the_cursor_of_the_next_page() {
    let folder = tempfile::tempdir().unwrap();
    let index = index_of_payment_errors(&folder).await;
    let client = client(index);

    let response = client.get("/logs/search?service_name=payment&level=err&limit=2").send().await;

    response.assert_status_is_ok();
    let page = response.json().await;
    let page = page.value().object();
    assert_eq!((page.get("count").i64(), page.get("total").i64()), (2, 3));
    assert_eq!(page.get("data").array().get(0).object().get("message").string(), "number 2");
    assert!(page.get_opt("total_relation").is_none());
    let cursor = page.get("next_cursor").string();
    let path = format!("/logs/search?service_name=payment&limit=2&cursor={cursor}");
    let last = client.get(path).send().await.json().await;
    let last = last.value().object();
    assert_eq!((last.get("count").i64(), last.get("total").i64()), (1, 3));
    assert!(last.get_opt("next_cursor").is_none());
}

#[tokio::test]
async fn a_request_during_an_index_outage_gets_503_with_retry_after() {
    let response = client(Arc::new(Broken)).get("/logs/search?q=a").send().await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "1");
}

#[tokio::test]
async fn a_query_without_a_condition_finds_every_entry() {
    let folder = tempfile::tempdir().unwrap();
    let index = index_of_payment_errors(&folder).await;
    let client = client(index);
    for query in ["", "?", "?q=", "?q=%20", "?limit=5"] {
        let response = client.get(format!("/logs/search{query}")).send().await;
        assert_eq!(response.json().await.value().object().get("total").i64(), 3, "{query}");
    }
}

#[tokio::test]
async fn errors_name_invalid_parameters_and_their_valid_values() {
    let cursor = "AAYa2FrfkkABkBY9hpRzm66llmwm-K2R";
    let relevance = format!("sort=relevance&cursor={cursor}");
    for (query, detail) in [
        ("sort=best", "sort: must be newest, oldest or relevance"),
        ("limit=0", "limit: must be a whole number from 1 to 1000"),
        ("cursor=", "cursor: must be the next_cursor of a previous page"),
        ("fuzzy=1&level=", "fuzzy: must be true or false; level: must not be empty"),
        (&relevance, "cursor: is not supported with sort=relevance"),
        (&format!("q={}", "a".repeat(1025)), "q: must have at most 1024 characters"),
        (
            "service=a",
            "service: unknown parameter; did you mean service_name? (valid parameters: q, fuzzy, \
             service_name, level, trace_id, span_id, from, to, highlight, sort, limit, cursor)",
        ),
    ] {
        let response = client(Arc::new(Broken)).get(format!("/logs/search?{query}")).send().await;
        response.assert_status(StatusCode::BAD_REQUEST);
        let problem = response.json().await;
        assert_eq!(problem.value().object().get("detail").string(), detail);
    }
}

#[tokio::test]
async fn a_mistake_in_the_query_is_reported_with_its_position() {
    for (q, position, detail) in [
        ("ü level:", 2, "level needs a value"),
        ("a OR", 2, "OR needs a condition on both sides"),
        ("timestamp:>soon", 11, "RFC 3339"),
    ] {
        let client = client(Arc::new(Broken));
        let response = client.get("/logs/search").query("q", &q).send().await;
        response.assert_status(StatusCode::BAD_REQUEST);
        let problem = response.json().await;
        let error = problem.value().object().get("errors").array().get(0).object();
        assert_eq!((error.get("field").string(), error.get("position").i64()), ("q", position));
        assert!(error.get("detail").string().contains(detail), "{q}");
    }
}

/// Searches, and returns the page.
async fn search(client: &TestClient<impl Endpoint>, query: &[(&str, &str)]) -> serde_json::Value {
    let mut request = client.get("/logs/search");
    for (name, value) in query {
        request = request.query(*name, value);
    }
    let response = request.send().await;
    response.assert_status_is_ok();
    response.json().await.value().deserialize()
}

#[tokio::test]
async fn a_search_without_hits_suggests_a_similar_query_with_hits() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(index_of_payment_errors(&folder).await);
    let long_ago = ("to", "2020-01-01");
    for (query, hint) in [
        (
            &[("q", "umber")][..],
            json!({
                "detail": "in quotes, there are 3 hits (quoted text also matches parts of words)",
                "q": "\"umber\"",
            }),
        ),
        (&[("q", "nunber")], json!({"detail": "with fuzzy=true, there are 3 hits", "fuzzy": true})),
        (
            &[("q", "number"), long_ago],
            json!({"detail": "without to, there are 3 hits", "without": ["to"]}),
        ),
        (
            &[("q", "number elephant")],
            json!({"detail": "without \"elephant\", there are 3 hits", "q": "number"}),
        ),
        (
            &[("q", "level:error \"ber\"  elephant")],
            json!({"detail": "without \"elephant\", there are 3 hits", "q": "level:error \"ber\""}),
        ),
        (
            &[("q", "number -level:error")],
            json!({"detail": "without \"-level:error\", there are 3 hits", "q": "number"}),
        ),
        (
            &[("q", "n*r")],
            json!({"detail": "with * at the end of each word, there are 3 hits", "q": "n*"}),
        ),
    ] {
        let page = search(&client, query).await;
        assert_eq!((&page["total"], &page["data"]), (&json!(0), &json!([])), "{query:?}");
        let mut expected = hint;
        expected["total"] = json!(3);
        assert_eq!(page["hint"], expected, "{query:?}");
    }
    for query in [
        &[("q", "elephant")][..],
        &[("q", "elephant -key")],
        &[("q", "elephant -")],
        &[("q", "number")],
        &[("service_name", "checkout")],
    ] {
        assert_eq!(search(&client, query).await.get("hint"), None, "{query:?}");
    }
}

#[tokio::test]
async fn highlights_are_the_parts_of_the_message_and_the_attributes_that_matched() {
    let folder = tempfile::tempdir().unwrap();
    let index = index_of_payment_errors(&folder).await;
    let entry = EntryBuilder::new("🚀 Card declined").attributes(r#"{"order": {"id": 4711}}"#);
    index.add(&[entry.build()]).await.unwrap();
    let client = client(index);
    let marked = |start: usize, end: usize| json!({"start": start, "end": end});
    for (query, message, attributes) in [
        (&[("q", "DECLINED")][..], vec![marked(7, 15)], json!([])),
        (&[("q", "\"rd decl\" -timeout")], vec![marked(4, 11)], json!([])),
        (&[("q", "decl* 4711")], vec![marked(7, 15)], json!(["order.id"])),
        (&[("q", "declimed"), ("fuzzy", "true")], vec![marked(7, 15)], json!([])),
        (&[("q", "order.id:>4000")], vec![], json!(["order.id"])),
    ] {
        let query = [query, &[("highlight", "true")]].concat();
        let page = search(&client, &query).await;
        let expected = json!([{"message": message, "attributes": attributes}]);
        assert_eq!(page["highlights"], expected, "{query:?}");
    }
    let without_hits = search(&client, &[("q", "accepted"), ("highlight", "true")]).await;
    assert_eq!(without_hits["highlights"], json!([]));
    assert_eq!(search(&client, &[("q", "declined")]).await.get("highlights"), None);
}
