use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::log_entry::{Arrival, NewLogEntry, Timestamp};

fn open(url: &str) -> anyhow::Result<OpenSearchIndex> {
    OpenSearchIndex::open(&url.parse().unwrap())
}

fn entry() -> LogEntry {
    let new = NewLogEntry::from_json(br#"{"service":"test","message":"m"}"#).unwrap();
    new.arrive(&Arrival::new(Timestamp::now()), 0).unwrap()
}

/// An address at which connections are taken, and never answered.
async fn hung() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn the_settings_of_the_url_are_read() {
    let url = "http://os:9200/?prefix=audit-&shards=3&replicas=1".parse().unwrap();
    let expected =
        Shape { prefix: "audit-".to_owned(), shards: 3.try_into().unwrap(), replicas: 1 };
    assert_eq!(shape(&url).unwrap(), expected);
    assert_eq!(shape(&"http://os:9200".parse().unwrap()).unwrap(), Shape::default());
}

#[test]
fn a_wrong_setting_is_named() {
    for (setting, what) in [
        ("prefix=", "prefix"),
        ("prefix=*", "prefix"),
        ("prefix=Logs", "prefix"),
        ("prefix=-a", "prefix"),
        ("shards=0", "shards"),
        ("replicas=-1", "replicas"),
        ("password=secret", "password"),
    ] {
        let error = open(&format!("http://os:9200?{setting}")).err().unwrap();
        let error = format!("{error:#}");
        assert!(error.contains("INDEX_URL") && error.contains(what), "{setting}: {error}");
    }
}

#[tokio::test]
async fn opensearch_away_is_told_at_once() {
    let (listener, url) = hung().await;
    drop(listener);
    let index = open(&url).unwrap();
    let begin = Instant::now();
    let search = index.search(&SearchQuery::default()).await.map(drop);
    let add = index.add(&[entry()]).await.map(drop);
    for result in [search, add, index.ready().await] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Unavailable { service: "index", .. }), "{error:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn opensearch_hung_is_not_waited_for() {
    let (_listener, url) = hung().await;
    let index = open(&url).unwrap();
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    assert!(index.ready().await.is_err());
    assert!(index.search(&SearchQuery::default()).await.is_err());
    assert!(index.add(&[entry()]).await.is_err());
    let limits = READY_TIMEOUT + SEARCH_TIMEOUT + ADD_TIMEOUT;
    assert!(begin.elapsed() <= limits + Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn user_and_password_are_sent_and_not_told() {
    let (listener, url) = hung().await;
    let index = open(&url.replace("http://", "http://us%40er:pass%3Aword@")).unwrap();
    let asked = tokio::spawn(async move { index.ready().await });
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut request = [0; 4096];
    let length = connection.read(&mut request).await.unwrap();
    let request = String::from_utf8_lossy(&request[..length]);
    // us@er:pass:word
    assert!(request.contains("authorization: Basic dXNAZXI6cGFzczp3b3Jk"), "{request}");
    drop(connection.shutdown().await);
    drop((connection, listener));
    let error = format!("{:?}", asked.await.unwrap().unwrap_err());
    assert!(!error.contains("pass"), "{error}");
}

/// Answers each request of one connection with the next of the statuses, the last one for ever.
async fn answering(statuses: &'static [u16], body: &'static str) -> OpenSearchIndex {
    let (listener, url) = hung().await;
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut statuses = statuses.iter().chain(std::iter::repeat(statuses.last().unwrap()));
        while connection.read(&mut [0; 4096]).await.is_ok_and(|length| length > 0) {
            let (status, length) = (statuses.next().unwrap(), body.len());
            let answer = format!("HTTP/1.1 {status} Why\r\ncontent-length: {length}\r\n\r\n{body}");
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    open(&url).unwrap()
}

#[tokio::test]
async fn a_query_that_opensearch_refuses_is_rejected_and_all_else_is_unavailable() {
    for (status, is_rejected) in
        [(&[400], true), (&[403], false), (&[429], false), (&[503], false), (&[200], false)]
    {
        let index = answering(status, "reason").await;
        let error = index.search(&SearchQuery::default()).await.unwrap_err();
        assert_eq!(matches!(error, Error::Rejected { .. }), is_rejected, "{error:?}");
        let tells = status == &[200] || format!("{error:?}").contains("reason");
        assert!(tells, "{error:?}");
    }
}

#[tokio::test]
async fn a_search_waits_for_a_new_index_to_be_opened() {
    let index = answering(&[503, 503, 200], r#"{"hits":{"total":{"value":0},"hits":[]}}"#).await;
    let hits = index.search(&SearchQuery::default()).await.unwrap();
    assert_eq!((hits.total, hits.total_is_exact), (0, true));
}
