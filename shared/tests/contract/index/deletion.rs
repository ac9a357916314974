//! Entries are deleted by their ids.

use std::time::Instant;

use shared::aggregation::{Aggregation, Histogram, Measure};
use shared::index::Index;
use shared::query::Condition;
use shared::retention::Class;
use shared::search::{SearchHits, SearchQuery, Sort};
use shared::testing::EntryBuilder;
use shared::{Arrival, EntryId, LogEntry};

use super::{
    Fixture, VISIBILITY_TIMEOUT, add, at, by_relevance, condition, messages, opensearch, tantivy,
    text, total,
};
use crate::entries::{entries, entry, series};

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        only_the_deleted_entries_are_gone,
        deleted_entries_are_not_counted,
        an_entry_of_another_class_with_a_neighbouring_id_remains,
        unknown_ids_and_indexes_are_ignored,
        a_deleted_entry_can_be_added_again,
        a_snapshot_keeps_entries_that_are_deleted_later,
        columns_outlive_the_entries_that_introduced_them,
        entries_that_arrived_before_a_time_are_found,
    ]
}

async fn delete(index: &dyn Index, entries: &[LogEntry]) {
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
    index.delete(&Class::DEFAULT, &ids).await.unwrap();
}

/// Waits until exactly `count` entries are visible.
async fn wait_for_exactly(index: &dyn Index, count: u64) {
    let deadline = Instant::now() + VISIBILITY_TIMEOUT;
    while total(index).await != count {
        assert!(Instant::now() < deadline, "{count} entries were not left in time");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn only_the_deleted_entries_are_gone(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let batch = series(3000, at("2024-06-14T12:00:00Z"));
    for part in batch.chunks(1000) {
        add(index, part).await;
    }
    let (deleted, kept): (Vec<_>, Vec<_>) =
        batch.iter().cloned().enumerate().partition(|(number, _)| number % 3 == 0);
    let deleted: Vec<LogEntry> = deleted.into_iter().map(|(_, entry)| entry).collect();
    let kept: Vec<LogEntry> = kept.into_iter().map(|(_, entry)| entry).collect();
    for _ in 0..2 {
        for part in deleted.chunks(600) {
            delete(index, part).await;
        }
    }
    wait_for_exactly(index, 2000).await;
    for index in [index, &*fixture.open().await] {
        let query = SearchQuery { limit: 5000, ..text("") };
        let hits = index.search(&query).await.unwrap();
        assert!(hits.entries == kept);
        assert_eq!((hits.total, hits.next_cursor), (2000, None));
        for query in [text("2997"), by_relevance(text("2997")), text("\"er 2997\"")] {
            assert!(messages(index, &query).await.is_empty());
        }
        assert_eq!(messages(index, &text("number 2998")).await, ["number 2998"]);
        assert_eq!(messages(index, &text("-(\"er 2\" OR \"er 1\") 8")).await, ["number 8"]);
        let by_id = |entry: &LogEntry| SearchQuery::new(Condition::Id(entry.id), 1);
        assert!(messages(index, &by_id(&deleted[7])).await.is_empty());
        assert_eq!(messages(index, &by_id(&kept[7])).await, [kept[7].message.clone()]);
    }
}

async fn deleted_entries_are_not_counted(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let mut batch = series(40, at("2024-06-14T12:00:00Z"));
    for (number, entry) in batch.iter_mut().enumerate() {
        let json = format!(r#"{{"size":{number},"is_odd":{}}}"#, number % 2 == 1);
        let message = entry.message.clone();
        *entry = EntryBuilder::new(message)
            .id(entry.id)
            .timestamp(entry.timestamp)
            .service(if number < 20 { "one" } else { "other" })
            .attributes(json)
            .build();
    }
    add(index, &batch).await;
    delete(index, &batch[15..]).await;
    wait_for_exactly(index, 15).await;
    let snapshot = index.snapshot().await.unwrap();
    for (text, expected) in [("", 15), ("\"number 1\"", 6), ("size:>9", 5), ("is_odd:true", 7)] {
        let aggregates = snapshot.aggregate(&Aggregation::of(condition(text, false))).await;
        assert_eq!(aggregates.unwrap().total, expected, "{text}");
    }
    let histogram = Histogram {
        groups: vec![condition("service_name:one", false), condition("service_name:other", false)],
        has_other: false,
        boundaries: vec![at("2024-06-14T12:00:00Z"), at("2024-06-14T12:00:01Z")],
        measure: Measure::Count,
        newest: 0,
    };
    let aggregation =
        Aggregation { histogram: Some(histogram), ..Aggregation::of(Condition::everything()) };
    let series = snapshot.aggregate(&aggregation).await.unwrap().series;
    let totals: Vec<Option<f64>> = series.iter().map(|series| series.total).collect();
    assert_eq!(totals, [Some(15.0), Some(0.0)]);
}

async fn an_entry_of_another_class_with_a_neighbouring_id_remains(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let mut batch = entries(["a", "b", "c", "d"]);
    batch[2].retention = Class::new("level:debug").unwrap();
    add(index, &batch).await;
    delete(index, &batch[1..2]).await;
    index.delete(&batch[2].retention, &[batch[2].id]).await.unwrap();
    wait_for_exactly(index, 2).await;
    assert_eq!(messages(index, &text("")).await, ["a", "d"]);
}

async fn unknown_ids_and_indexes_are_ignored(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    delete(index, &[]).await;
    delete(index, &[entry("unknown")]).await;
    add(index, &[entry("known")]).await;
    delete(index, &[entry("unknown")]).await;
    let arrival = Arrival::new(at("2024-06-14T12:00:00Z"));
    delete(index, &[EntryBuilder::new("old").arrival(&arrival, 0).build()]).await;
    assert_eq!(messages(index, &text("")).await, ["known"]);
}

async fn a_deleted_entry_can_be_added_again(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let batch = entries(["a", "b"]);
    add(index, &batch).await;
    for _ in 0..2 {
        delete(index, &batch[..1]).await;
        wait_for_exactly(index, 1).await;
        add(index, &batch[..1]).await;
        assert_eq!(index.add(&batch).await.unwrap(), []);
        assert_eq!(messages(index, &text("")).await, ["a", "b"]);
    }
}

async fn a_snapshot_keeps_entries_that_are_deleted_later(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let batch = series(10, at("2024-06-14T12:00:00Z"));
    add(index, &batch).await;
    let snapshot = index.snapshot().await.unwrap();
    delete(index, &batch[..5]).await;
    wait_for_exactly(index, 5).await;
    let SearchHits { entries, .. } = snapshot.search(&text("")).await.unwrap();
    assert!(entries == batch);
}

async fn columns_outlive_the_entries_that_introduced_them(mut fixture: Fixture) {
    fixture.url.query_pairs_mut().append_pair("attributes", "2");
    let index = fixture.open().await;
    let with = |attributes: &str| EntryBuilder::new("m").attributes(attributes).build();
    let first = with(r#"{"a":1,"b":1,"c":1}"#);
    let second = with(r#"{"a":2,"b":2,"c":2}"#);
    let third = with(r#"{"a":3,"b":3,"c":3}"#);
    add(&*index, std::slice::from_ref(&first)).await;
    add(&*index, &[second.clone(), third.clone()]).await;
    delete(&*index, &[first]).await;
    wait_for_exactly(&*index, 2).await;
    delete(&*index, &[third]).await;
    wait_for_exactly(&*index, 1).await;
    drop(index);
    let index = fixture.open().await;
    add(&*index, &[with(r#"{"a":4,"c":4,"d":4}"#)]).await;
    for (query, expected) in [("a:>1", Some(2)), ("b:>1", Some(1)), ("c:>1", None), ("d:>1", None)]
    {
        let hits = index.search(&SearchQuery { sort: Sort::Newest, ..text(query) }).await;
        assert_eq!(hits.ok().map(|hits| hits.total), expected, "{query}");
    }
}

async fn entries_that_arrived_before_a_time_are_found(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let times = ["2024-06-14T23:59:59.999Z", "2024-06-15T00:00:00Z", "2024-06-15T00:00:00.001Z"];
    let arrived = times.map(|time| {
        EntryBuilder::new(time).arrival(&Arrival::new(at(time)), (1 << 20) - 1).build()
    });
    add(index, &arrived).await;
    for (time, count) in [
        (times[0], 0),
        (times[1], 1),
        ("2024-06-15T00:00:00.0001Z", 2),
        (times[2], 2),
        ("2024-06-15T00:00:01Z", 3),
    ] {
        let query = SearchQuery { condition: Condition::ArrivedBefore(at(time)), ..text("") };
        assert_eq!(messages(index, &query).await, times[..count], "{time}");
    }
}
