//! The order of hits, pages and totals.

use std::collections::BTreeSet;

use serde_json::json;
use shared::search::{SearchHits, SearchQuery, Sort};
use shared::{Arrival, LogEntry, Timestamp};

use super::{Fixture, add, at, by_relevance, messages, opensearch, tantivy, text};
use crate::entries::{arrived, entry, series};

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        newest_and_oldest_sort_by_timestamp_then_id,
        paging_returns_each_entry_once_while_others_arrive,
        the_last_page_has_no_cursor,
        large_entries_make_shorter_pages_without_gaps,
        a_large_page_has_as_many_hits_as_requested,
        the_total_counts_all_pages_up_to_ten_thousand,
        relevance_has_no_cursor_and_breaks_ties_by_newest,
    ]
}

async fn newest_and_oldest_sort_by_timestamp_then_id(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let arrival = Arrival::new(Timestamp::now());
    let arrive = |position: u32, time: &str| {
        let json = json!({"service": "a", "message": format!("m{position}"), "timestamp": time});
        arrived(&json, &arrival, position)
    };
    let noon = "2024-06-14T12:00:00Z";
    let entries = [
        arrive(3, noon),
        arrive(1, "2024-06-14T12:00:00.000001Z"),
        arrive(0, noon),
        arrive(2, noon),
    ];
    add(index, &entries[..2]).await;
    add(index, &entries[2..]).await;
    let query = text("");
    assert_eq!(messages(index, &query).await, ["m0", "m2", "m3", "m1"]);
    let newest = SearchQuery { sort: Sort::Newest, ..query };
    assert_eq!(messages(index, &newest).await, ["m1", "m3", "m2", "m0"]);
}

async fn paging_returns_each_entry_once_while_others_arrive(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let entries = series(250, at("2024-06-14T12:00:00Z"));
    for batch in entries.chunks(70) {
        add(index, batch).await;
    }
    for (sort, arriving) in
        [(Sort::Newest, at("2024-06-15T12:00:00Z")), (Sort::Oldest, at("2024-06-13T12:00:00Z"))]
    {
        let mut found = Vec::new();
        let mut query = SearchQuery { sort, ..text("number") };
        for number in 1.. {
            let hits = index.search(&query).await.unwrap();
            found.extend(hits.entries.into_iter().map(|hit| hit.id));
            query.cursor = hits.next_cursor;
            if query.cursor.is_none() {
                break;
            }
            // They sort before the first page, so later pages do not contain them.
            let time = Timestamp::from_micros(arriving.as_micros() + number * 1000).unwrap();
            add(index, &series(5, time)).await;
        }
        if sort == Sort::Newest {
            found.reverse();
        }
        let expected: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        assert_eq!(found[..250], expected, "{sort:?}");
        // In the second round, the hits end with the entries that the first round added.
        let additional = if sort == Sort::Newest { 0 } else { 10 };
        assert_eq!(found.len(), 250 + additional, "{sort:?}");
    }
}

async fn the_last_page_has_no_cursor(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    add(index, &series(4, at("2024-06-14T12:00:00Z"))).await;
    let mut query = SearchQuery { limit: 2, ..text("number") };
    let first = index.search(&query).await.unwrap();
    assert!(first.next_cursor.is_some());
    query.cursor = first.next_cursor;
    let last = index.search(&query).await.unwrap();
    assert_eq!((last.entries.len(), last.next_cursor), (2, None));
}

async fn large_entries_make_shorter_pages_without_gaps(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let large = "word ".repeat(180 * 1024);
    let entries: Vec<LogEntry> = (0..20).map(|n| entry(format!("{n} {large}"))).collect();
    add(index, &entries).await;

    let mut query = text("word");
    let mut seen = Vec::new();
    loop {
        let hits = index.search(&query).await.unwrap();
        let bytes: usize = hits.entries.iter().map(|entry| entry.to_json().len()).sum();
        assert!(bytes <= SearchHits::MAX_BYTES, "{bytes}");
        seen.extend(hits.entries.iter().map(|entry| entry.id));
        query.cursor = hits.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    seen.sort_unstable();
    let mut added: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    added.sort_unstable();
    assert_eq!(seen, added);
}

async fn a_large_page_has_as_many_hits_as_requested(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    add(index, &series(1000, at("2024-06-14T12:00:00Z"))).await;
    for sort in [Sort::Newest, Sort::Oldest, Sort::Relevance] {
        for limit in [99, 100, 101, 700, 999, 1000] {
            let query = SearchQuery { sort, limit, ..text("number") };
            let hits = index.search(&query).await.unwrap();
            let ids: BTreeSet<_> = hits.entries.iter().map(|entry| entry.id).collect();
            assert_eq!((hits.entries.len(), ids.len()), (limit, limit), "{sort:?}");
            let has_next = limit < 1000 && sort != Sort::Relevance;
            assert_eq!(hits.next_cursor.is_some(), has_next, "{sort:?} {limit}");
        }
    }
}

async fn the_total_counts_all_pages_up_to_ten_thousand(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let entries = series(10_050, at("2024-06-14T12:00:00Z"));
    add(index, &entries[..10_000]).await;
    let mut query = SearchQuery { limit: 10, ..text("number") };
    let first = index.search(&query).await.unwrap();
    assert_eq!((first.total, first.total_is_exact), (10_000, true));
    query.cursor = first.next_cursor;
    let second = index.search(&query).await.unwrap();
    assert_eq!((second.total, second.total_is_exact), (10_000, true));
    add(index, &entries[10_000..]).await;
    for sort in [Sort::Newest, Sort::Oldest, Sort::Relevance] {
        let hits =
            index.search(&SearchQuery { sort, cursor: None, ..query.clone() }).await.unwrap();
        assert_eq!((hits.total, hits.total_is_exact), (10_000, false), "{sort:?}");
        assert_eq!(hits.entries.len(), 10);
    }
}

async fn relevance_has_no_cursor_and_breaks_ties_by_newest(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let noon = at("2024-06-14T12:00:00Z");
    add(index, &series(5, noon)).await;
    let query = SearchQuery { limit: 2, ..by_relevance(text("number")) };
    let hits = index.search(&query).await.unwrap();
    assert_eq!((hits.total, hits.next_cursor), (5, None));
    assert_eq!(messages(index, &query).await, ["number 4", "number 3"]);
}
