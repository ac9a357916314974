//! The OpenSearch index beyond its contract: processes that start together, refused entries, and
//! indexes that are blocked, closed or deleted.

use std::sync::Arc;

use serde_json::json;
use shared::index::{self, Index};
use shared::query::Condition;
use shared::search::SearchQuery;
use shared::{Error, LogEntry};
use url::Url;

use crate::entries::{entries, entry};
use crate::services::{address, fresh_name, http, report_skipped, required};

/// A unique prefix for index names. Dropping it deletes the indexes.
pub(crate) struct Prefix(String);

impl Prefix {
    pub(crate) fn unique() -> Self {
        Self(format!("{}-", fresh_name()))
    }

    pub(crate) fn url(&self) -> Url {
        let mut url = service();
        url.query_pairs_mut().append_pair("prefix", &self.0);
        url
    }

    /// Sends a request. In the path, `{}` stands for the prefix, as in `/{}*/_settings`.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> String {
        let service = service();
        let address = format!("{}:{}", service.host().unwrap(), service.port().unwrap_or(9200));
        http(&address, method, &path.replace("{}", &self.0), body)
    }

    /// Sends a request that must succeed.
    pub(crate) fn expect_ok(&self, method: &str, path: &str, body: &str) -> String {
        let response = self.request(method, path, body);
        assert!(response.starts_with("HTTP/1.1 200"), "{method} {path}: {response}");
        response
    }

    /// The path of the index for the day on which the entry arrived.
    pub(crate) fn index_path(&self, entry: &LogEntry) -> String {
        let day = entry.id.time().to_string()[..10].replace('-', ".");
        format!("/{}{day}", self.0)
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.expect_ok("DELETE", "/{}*", "");
            // The template is missing if the test added no entries.
            let template = self.0.trim_end_matches('-');
            self.request("DELETE", &format!("/_index_template/{template}"), "");
        }
    }
}

fn service() -> Url {
    format!("http://{}", address("OPENSEARCH_PORT", 9200)).parse().unwrap()
}

/// Waits until `count` entries are visible.
async fn wait_for_total(index: &dyn Index, count: u64) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let everything = SearchQuery::new(Condition::everything(), 1);
        let total = index.search(&everything).await.unwrap().total;
        if total == count {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{total} of {count} entries found");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn assert_unavailable(index: &dyn Index, entries: &[LogEntry]) {
    let result = index.add(entries).await;
    assert!(matches!(result, Err(Error::Unavailable { service: "index", .. })), "{result:?}");
}

async fn open(prefix: &Prefix) -> Arc<dyn Index> {
    index::open(&prefix.url()).await.unwrap()
}

#[test]
fn skipped_tests_are_reported() {
    report_skipped(module_path!(), 4);
}

#[tokio::test]
async fn processes_that_start_together_create_each_index_once() {
    if !required() {
        return;
    }
    let prefix = Prefix::unique();
    let added = (0..8).map(|_| async {
        let index = open(&prefix).await;
        index.add(&entries(["one", "two"])).await
    });
    for result in futures_util::future::join_all(added).await {
        assert_eq!(result.unwrap(), []);
    }
    wait_for_total(open(&prefix).await.as_ref(), 16).await;
    let templates = prefix.expect_ok("GET", "/_index_template/test_*", "");
    assert_eq!(templates.matches(&format!("\"{}*\"", prefix.0)).count(), 1);
}

#[tokio::test]
async fn an_entry_that_violates_the_mapping_is_refused_on_its_own() {
    if !required() {
        return;
    }
    let prefix = Prefix::unique();
    let mut entries = entries(["1", "two", "3"]);
    let mappings = json!({"mappings": {"properties": {"id": {"type": "keyword"}, "message": {"type": "long"}}}});
    prefix.expect_ok("PUT", &prefix.index_path(&entries[0]), &mappings.to_string());
    let index = open(&prefix).await;
    let refused = index.add(&entries).await.unwrap();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0].index, 1);
    assert!(refused[0].reason.to_string().contains("message"), "{refused:?}");
    entries.remove(1);
    assert_eq!(index.add(&entries).await.unwrap(), []);
    wait_for_total(index.as_ref(), 2).await;
}

#[tokio::test]
async fn a_blocked_or_closed_index_is_unavailable_until_reopened() {
    if !required() {
        return;
    }
    let prefix = Prefix::unique();
    let index = open(&prefix).await;
    index.add(&[entry("first")]).await.unwrap();
    let later = entries(["second", "third"]);
    for (method, path, body, undo) in [
        ("PUT", "/_settings", r#"{"index.blocks.write":true}"#, r#"{"index.blocks.write":false}"#),
        (
            "PUT",
            "/_settings",
            r#"{"index.blocks.read_only_allow_delete":true}"#,
            r#"{"index.blocks.read_only_allow_delete":null}"#,
        ),
    ] {
        prefix.expect_ok(method, &format!("/{{}}*{path}"), body);
        assert_unavailable(index.as_ref(), &later).await;
        prefix.expect_ok(method, &format!("/{{}}*{path}"), undo);
    }
    prefix.expect_ok("POST", "/{}*/_close", "");
    assert_unavailable(index.as_ref(), &later).await;
    prefix.expect_ok("POST", "/{}*/_open", "");
    assert_eq!(index.add(&later).await.unwrap(), []);
    wait_for_total(index.as_ref(), 3).await;
}

#[tokio::test]
async fn a_deleted_index_is_recreated_with_its_mappings() {
    if !required() {
        return;
    }
    let prefix = Prefix::unique();
    let index = open(&prefix).await;
    index.add(&[entry("first")]).await.unwrap();
    prefix.expect_ok("DELETE", "/{}*", "");
    index.add(&[entry("payment-service")]).await.unwrap();
    wait_for_total(index.as_ref(), 1).await;
    let mappings = prefix.expect_ok("GET", "/{}*/_mapping", "");
    assert!(mappings.contains("message_words"), "{mappings}");
}
