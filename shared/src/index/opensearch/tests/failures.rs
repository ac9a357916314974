use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::*;
use crate::query::Condition;
use crate::testing::entry;

fn open(url: &str) -> anyhow::Result<OpenSearchIndex> {
    OpenSearchIndex::open(&url.parse().unwrap())
}

fn everything() -> SearchQuery {
    SearchQuery::new(Condition::everything(), 10)
}

/// A server that accepts connections and never responds.
async fn unresponsive() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn search_add_and_ready_fail_immediately_without_opensearch() {
    let (listener, url) = unresponsive().await;
    drop(listener);
    let index = open(&url).unwrap();
    let begin = Instant::now();
    let search = index.search(&everything()).await.map(drop);
    let add = index.add(&[entry("m")]).await.map(drop);
    for result in [search, add, index.ready().await] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Unavailable { service: "index", .. }), "{error:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn search_add_and_ready_time_out_when_opensearch_hangs() {
    let (_listener, url) = unresponsive().await;
    let index = open(&url).unwrap();
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    assert!(index.ready().await.is_err());
    assert!(index.search(&everything()).await.is_err());
    assert!(index.add(&[entry("m")]).await.is_err());
    let limits = READINESS_TIMEOUT + SEARCH_TIMEOUT + ADD_TIMEOUT;
    assert!(begin.elapsed() <= limits + Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn credentials_are_sent_but_not_shown_in_errors() {
    let (listener, url) = unresponsive().await;
    let index = open(&url.replace("http://", "http://us%40er:pass%3Aword@")).unwrap();
    let ready = tokio::spawn(async move { index.ready().await });
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut request = [0; 4096];
    let length = connection.read(&mut request).await.unwrap();
    let request = String::from_utf8_lossy(&request[..length]);
    // us@er:pass:word
    assert!(request.contains("authorization: Basic dXNAZXI6cGFzczp3b3Jk"), "{request}");
    drop(connection.shutdown().await);
    drop((connection, listener));
    let error = format!("{:?}", ready.await.unwrap().unwrap_err());
    assert!(!error.contains("pass"), "{error}");
}

/// An index on a server that responds to successive requests with these statuses, repeating the
/// last one.
async fn responding(statuses: &'static [u16], body: &'static str) -> OpenSearchIndex {
    let (listener, url) = unresponsive().await;
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut statuses = statuses.iter().chain(std::iter::repeat(statuses.last().unwrap()));
        while connection.read(&mut [0; 4096]).await.is_ok_and(|length| length > 0) {
            let (status, length) = (statuses.next().unwrap(), body.len());
            let response =
                format!("HTTP/1.1 {status} Reason\r\ncontent-length: {length}\r\n\r\n{body}");
            connection.write_all(response.as_bytes()).await.unwrap();
        }
    });
    open(&url).unwrap()
}

#[tokio::test]
async fn a_search_is_rejected_on_400_and_otherwise_unavailable() {
    for (status, is_rejected) in
        [(&[400], true), (&[403], false), (&[429], false), (&[503], false), (&[200], false)]
    {
        let index = responding(status, "reason").await;
        let error = index.search(&everything()).await.unwrap_err();
        assert_eq!(matches!(error, Error::Rejected { .. }), is_rejected, "{error:?}");
        let has_reason = status == &[200] || format!("{error:?}").contains("reason");
        assert!(has_reason, "{error:?}");
    }
}

#[tokio::test]
async fn a_search_that_exceeds_its_time_limit_is_too_costly() {
    let body = r#"{"error":{"root_cause":[{"type":"query_phase_execution_exception",
        "reason":"Time exceeded"}]},"status":500}"#;
    let index = responding(&[500], body).await;
    let query = SearchQuery::new(Condition::Fragment("ab".to_owned()), 1);
    let error = index.search(&query).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error:?}");
    assert!(error.to_string().contains("too costly"), "{error}");
}

#[tokio::test]
async fn a_search_is_retried_while_a_new_index_opens() {
    let body = r#"{"_shards":{"total":1,"successful":1},"hits":{"total":{"value":0},"hits":[]}}"#;
    let index = responding(&[503, 503, 200], body).await;
    let hits = index.search(&everything()).await.unwrap();
    assert_eq!((hits.total, hits.total_is_exact), (0, true));
}

#[tokio::test]
async fn a_search_is_retried_while_the_heap_is_full() {
    let body = r#"{"_shards":{"total":1,"successful":1},"hits":{"total":{"value":0},"hits":[]},
        "error":{"type":"circuit_breaking_exception"}}"#;
    let index = responding(&[429, 429, 200], body).await;
    assert_eq!(index.search(&everything()).await.unwrap().total, 0);
}

#[tokio::test]
async fn a_search_is_retried_if_its_index_is_replaced() {
    let body = r#"{"_shards":{"total":1,"successful":1},"hits":{"total":{"value":0},"hits":[]},
        "error":{"caused_by":{"type":"search_context_missing_exception"}}}"#;
    let index = responding(&[404, 200], body).await;
    assert_eq!(index.search(&everything()).await.unwrap().total, 0);
}

#[tokio::test]
async fn a_search_without_some_shards_is_unavailable() {
    let body = r#"{"_shards":{"total":2,"successful":1},"hits":{"total":{"value":0},"hits":[]}}"#;
    let index = responding(&[200], body).await;
    let error = index.search(&everything()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("some shards"), "{error}");
}
