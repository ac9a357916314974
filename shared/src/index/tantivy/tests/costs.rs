//! Searches that would have to read too many or too long messages.

use tempfile::TempDir;

use super::*;
use crate::config::DEFAULT_INDEX_ATTRIBUTES_MAX;
use crate::log_entry::Timestamp;
use crate::query;

const MAX_WORK_BYTES: u64 = 12_000;

fn total(index: &Inner, query: &str) -> Result<u64> {
    let condition = query::parse(query, false, Timestamp::now()).unwrap();
    let checks = Checks::new(CancellationToken::new()).with_max_work(MAX_WORK_BYTES);
    index
        .search(&index.reader.searcher(), &SearchQuery::new(condition, 1), checks)
        .map(|hits| hits.total)
}

#[test]
fn only_searches_that_read_too_many_messages_are_rejected() {
    let directory = TempDir::new().unwrap();
    let index = Inner::open(directory.path(), DEFAULT_INDEX_ATTRIBUTES_MAX).unwrap();
    let messages =
        (0..50).map(|n| format!("at com.example.Foo{n}(Foo.java:{n}) of group{}", n % 5));
    index.writer.add(&entries(messages)).unwrap();
    for (query, expected) in [
        ("com.example", Some(50)),
        ("\"java\"", Some(50)),
        ("\"(Foo.java:12)\"", Some(1)),
        ("\"foo.java:\" group3", Some(10)),
        ("\"foo.java:\"", None),
        ("\"foo.java:\" sort", Some(0)),
        ("\"foo.java:\" OR absent", None),
        ("-\"foo.java:\"", None),
        ("-\"foo.java:\" group3", Some(0)),
    ] {
        match (total(&index, query), expected) {
            (Ok(total), Some(expected)) => assert_eq!(total, expected, "{query}"),
            (Err(error @ Error::Rejected { .. }), None) => {
                assert!(error.to_string().contains("too costly"), "{query}: {error}");
            }
            (result, _) => panic!("{query}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn a_cancelled_search_stops() {
    let directory = TempDir::new().unwrap();
    let index = open(&directory).await;
    index.add(&entries(["at com.example.Foo(Foo.java:1)"])).await.unwrap();
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let query = query::parse("\"oo.java:\"", false, Timestamp::now()).unwrap();
    let search = index.inner.search(
        &index.inner.reader.searcher(),
        &SearchQuery::new(query, 1),
        Checks::new(cancelled),
    );
    assert!(matches!(search, Err(Error::Unavailable { .. })), "{search:?}");
}
