//! Ranges on attributes that have no column on some days.

use serde_json::{Value, json};
use shared::{Arrival, Error, LogEntry, Timestamp};

use super::{Fixture, add, opensearch, tantivy, text};
use crate::entries::arrived;

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        a_day_without_a_column_matters_only_to_searches_that_depend_on_it,
        a_rejected_range_names_the_attribute_and_the_days,
    ]
}

/// The day with more attributes than columns.
const FULL_DAY: &str = "2024-06-10";

fn entry(day: &str, service: &str, attributes: Value) -> LogEntry {
    let arrival = Arrival::new(Timestamp::parse(&format!("{day}T12:00:00Z")).unwrap());
    let json = json!({"message": "request", "service": service, "attributes": attributes});
    arrived(&json, &arrival, 0)
}

/// An index with two columns a day. On one of the days, these are not those of `status` and `ms`.
async fn fill(mut fixture: Fixture) -> (Fixture, std::sync::Arc<dyn shared::index::Index>) {
    fixture.url.query_pairs_mut().append_pair("attributes", "2");
    let index = fixture.open().await;
    add(&*index, &[entry(FULL_DAY, "other", json!({"a": 1, "b": 2}))]).await;
    let entries = [
        entry(FULL_DAY, "old", json!({"status": 500, "ms": 7})),
        entry("2024-06-11", "new", json!({"status": 500, "ms": 7})),
    ];
    add(&*index, &entries).await;
    (fixture, index)
}

async fn a_day_without_a_column_matters_only_to_searches_that_depend_on_it(fixture: Fixture) {
    let (_fixture, index) = fill(fixture).await;
    for (query, total) in [
        ("@status:>=500", None),
        ("-@status:>=500", None),
        ("@status:>=500 request", None),
        ("@status:>=500 OR service:new", None),
        ("@status:>=500 service:old", None),
        ("@status:>=500 \"quest\"", None),
        ("@status:>=500 OR service:old", Some(2)),
        ("@status:>=500 OR request", Some(3)),
        ("-(@status:>=500 service:new)", Some(2)),
        ("@status:>=500 timestamp:>=2024-06-11", Some(1)),
        ("@status:>=500 service:new", Some(1)),
        ("@status:>=500 -service:old", Some(1)),
        ("@status:>=500 \"absent\"", Some(0)),
        ("@status:>=500 @status:404", Some(0)),
        ("@status:>=500 @ms:8", Some(0)),
        ("@status:>=500 @ms:>=7", None),
        ("@status:>=500 @absent:>1", Some(0)),
        ("@a:>=1", Some(1)),
        ("@a:>=1 @status:>=500", Some(0)),
        ("@status:500", Some(2)),
    ] {
        match (index.search(&text(query)).await, total) {
            (Ok(hits), Some(total)) => assert_eq!(hits.total, total, "{query}"),
            (Err(Error::Rejected { .. }), None) => {}
            (result, _) => panic!("{query}: {result:?}"),
        }
    }
}

async fn a_rejected_range_names_the_attribute_and_the_days(fixture: Fixture) {
    let (_fixture, index) = fill(fixture).await;
    let error = index.search(&text("request @ms:>1 @a:*")).await.map(|hits| hits.total);
    assert_eq!(error.unwrap(), 0);
    let error = index.search(&text("request @ms:>1")).await.unwrap_err().to_string();
    let reason = "entries that arrived on 2024-06-10 do not support ranges and statistics on ms;";
    assert!(error.contains(reason), "{error}");
    assert!(error.contains("INDEX_ATTRIBUTES_MAX") && error.contains("reindex"), "{error}");
}
