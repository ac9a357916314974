//! The function, called without a network.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is a failed test")]

use std::sync::Arc;

use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::TestClient;
use shared::config::HttpConfig;
use shared::http::endpoint;
use shared::index::{self, Index};
use shared::testing::{Broken, EntryBuilder};
use shared::{Arrival, LogEntry, Timestamp};
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

#[tokio::test]
async fn a_page_has_the_total_and_the_cursor_of_the_next_page() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("tantivy://{}/index", folder.path().display());
    let index = index::open(&Url::parse(&url).unwrap()).await.unwrap();
    index.add(&payment_errors()).await.unwrap();
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
async fn an_index_outage_is_a_503_with_retry_after() {
    let response = client(Arc::new(Broken)).get("/logs/search?q=a").send().await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "1");
}

#[tokio::test]
async fn a_query_without_a_condition_is_rejected() {
    for query in ["", "?q=", "?q=%20", "?limit=5", "?q=a&sort=relevance&cursor=x"] {
        let response = client(Arc::new(Broken)).get(format!("/logs/search{query}")).send().await;
        response.assert_status(StatusCode::BAD_REQUEST);
    }
}
