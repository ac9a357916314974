//! Rebuilds with a server that imitates OpenSearch, from a SQLite store.

use std::sync::Mutex;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::index::opensearch::tests::imitation;
use crate::testing::entry;

const DEADLINE: Duration = Duration::from_mins(1);

/// The error of a rebuild of all days from a store with one entry. `respond` receives a request
/// line and returns a status and a body.
async fn error_of_rebuild(
    respond: impl FnMut(&str) -> (u16, String) + Send + 'static,
) -> (Error, LogEntry) {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite://{}/store.db", directory.path().display());
    let store = crate::store::open(&url.parse().unwrap()).await.unwrap();
    let stored = entry("stored");
    store.insert(std::slice::from_ref(&stored)).await.unwrap();
    let index = OpenSearchIndex::open(&imitation(respond).await).unwrap();
    let rebuild = timeout(DEADLINE, rebuild_days(&*store, &index, IdRange::ALL));
    (rebuild.await.unwrap().unwrap_err(), stored)
}

#[tokio::test]
async fn a_rebuild_is_retried_until_opensearch_refuses_a_request() {
    let block = r#"{"error":{"type":"cluster_block_exception"}}"#;
    let exists = r#"{"error":{"type":"resource_already_exists_exception"}}"#;
    for (status, reason) in [(400, "too many shards"), (401, "no user"), (403, "no permission")] {
        let temporary = [(503, "no master"), (403, block), (400, exists)];
        let mut responses = temporary.into_iter().chain([(status, reason)]);
        let (error, _) = error_of_rebuild(move |request| {
            if !request.starts_with("PUT /_index_template/logs") {
                return (200, "{}".to_owned());
            }
            let (status, body) = responses.next().unwrap();
            (status, body.to_owned())
        })
        .await;
        assert!(matches!(error, Error::Rejected { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn a_rebuild_fails_if_its_new_index_is_deleted() {
    let requests = std::sync::Arc::new(Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&requests);
    let (error, stored) = error_of_rebuild(move |request| {
        log.lock().unwrap().push(request.to_owned());
        let path = request.split(['?', ' ']).nth(1).unwrap();
        let body = match path {
            _ if path.ends_with("/_mapping") => r#"{"logs-1":{"mappings":{}}}"#,
            _ if path.ends_with("/_mget") => r#"{"docs":[]}"#,
            "/_bulk" => {
                r#"{"items":[{"create":{"status":404,"error":{"type":"index_not_found_exception"}}}]}"#
            }
            // No index exists.
            _ => "{}",
        };
        (200, body.to_owned())
    })
    .await;
    let day = Day::of(stored.id).to_string().replace('-', ".");
    let expected = format!(
        "the index rejected the request: the new index logs-{day}-1 has been deleted; \
         rerun the command"
    );
    assert_eq!(error.to_string(), expected);
    let requests = requests.lock().unwrap();
    let bulk = requests.iter().position(|request| request.starts_with("POST /_bulk")).unwrap();
    let listing = format!("GET /logs-{day}-1?");
    assert!(requests[bulk + 1].starts_with(&listing), "{requests:?}");
}
