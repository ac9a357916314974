//! Views of the index at one point in time.

use shared::Timestamp;
use shared::search::{SearchQuery, Sort};

use super::{Fixture, add, at, opensearch, tantivy, text};
use crate::entries::series;

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        a_snapshot_contains_the_entries_of_its_opening,
        a_snapshot_of_an_empty_index_is_empty,
        a_snapshot_outlives_others,
    ]
}

async fn a_snapshot_contains_the_entries_of_its_opening(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let entries = series(250, at("2024-06-14T12:00:00Z"));
    add(index, &entries).await;
    let snapshot = index.snapshot().await.unwrap();
    // They sort among the entries of the following pages.
    add(index, &series(100, at("2024-06-14T12:00:00.000500Z"))).await;
    for sort in [Sort::Oldest, Sort::Newest] {
        let mut found = Vec::new();
        let mut query = SearchQuery { sort, ..text("number") };
        loop {
            let hits = snapshot.search(&query).await.unwrap();
            assert_eq!(hits.total, 250, "{sort:?}");
            found.extend(hits.entries);
            query.cursor = hits.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        if sort == Sort::Newest {
            found.reverse();
        }
        assert_eq!(found, entries, "{sort:?}");
    }
    assert_eq!(index.search(&text("number")).await.unwrap().total, 350);
}

async fn a_snapshot_of_an_empty_index_is_empty(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let snapshot = index.snapshot().await.unwrap();
    add(index, &series(1, Timestamp::now())).await;
    let hits = snapshot.search(&text("number")).await.unwrap();
    assert_eq!((hits.total, hits.total_is_exact, hits.entries), (0, true, Vec::new()));
}

async fn a_snapshot_outlives_others(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    add(index, &series(3, at("2024-06-14T12:00:00Z"))).await;
    let first = index.snapshot().await.unwrap();
    let second = index.snapshot().await.unwrap();
    assert_eq!(first.search(&text("number")).await.unwrap().total, 3);
    drop(first);
    assert_eq!(second.search(&text("number")).await.unwrap().total, 3);
}
