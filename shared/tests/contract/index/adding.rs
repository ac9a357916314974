//! Adding entries: which entries the index accepts, and how it returns them.

use std::time::Duration;

use serde_json::json;
use shared::log_entry::Attributes;
use shared::{Arrival, LogEntry, Timestamp};

use super::{Fixture, add, at, fuzzy, messages, opensearch, tantivy, text, total, wait_for_total};
use crate::entries::{arrived, entry, from_json, series};

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        an_open_index_is_ready,
        adding_no_entries_succeeds,
        hits_are_identical_to_the_added_entries,
        every_entry_that_ingest_accepts_is_indexed,
        a_batch_of_large_entries_is_added,
        a_huge_word_does_not_hide_the_rest_of_its_entry,
        the_first_write_wins_across_batches,
        the_first_write_wins_within_a_batch,
        a_cancelled_add_does_not_affect_the_next,
    ]
}

async fn an_open_index_is_ready(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    assert!(index.ready().await.is_ok());
    add(index, &[entry("one")]).await;
    assert!(index.ready().await.is_ok());
}

async fn adding_no_entries_succeeds(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    assert_eq!(index.add(&[]).await.unwrap(), []);
    assert_eq!(total(index).await, 0);
}

async fn hits_are_identical_to_the_added_entries(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let entries = [
        entry("nul \0, tab \t, line\r\nbreak, \u{7f}\u{fffd}\u{10ffff}"),
        entry("Grüße, 日本語, 🦀🇩🇪, عربى, e\u{301}"),
        entry(""),
        from_json(&json!({
            "service": "🦀", "level": "audit", "message": "m", "timestamp": "1970-01-01T00:00:00Z",
            "attributes": {"b": 1.10, "a": [null, {"x": "\u{0}"}]}, "trace_id": "4bf9", "span_id": "00f0",
        })),
        from_json(
            &json!({"service": "s", "message": "m", "timestamp": "9999-12-31T23:59:59.999999Z"}),
        ),
    ];
    add(index, &entries).await;
    let hits = index.search(&text("")).await.unwrap();
    let mut found: Vec<Vec<u8>> = hits.entries.iter().map(LogEntry::to_json).collect();
    let mut added: Vec<Vec<u8>> = entries.iter().map(LogEntry::to_json).collect();
    found.sort_unstable();
    added.sort_unstable();
    assert_eq!(found, added);
}

async fn every_entry_that_ingest_accepts_is_indexed(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let huge = "x".repeat(40_000);
    let deep = format!("{}1{}", r#"{"a":"#.repeat(16), "}".repeat(16));
    let many = vec!["1"; 20_000].join(",");
    let attributes = [
        r#"{"a":1,"a":{"b":[]},"a":null}"#.to_owned(),
        format!(r#"{{"long":"{huge}","{huge}":1,"in":[{{"{huge}":"{huge}"}}]}}"#),
        r#"{"":"","a.b":1,"a":{"b":2},".":3,"..":[],"a..b":{}," ":null,"*":"_id"}"#.to_owned(),
        r#"{"n":[123456789012345678901234567890,-9223372036854775809,1e308,0.1,1e-400]}"#
            .to_owned(),
        r#"{"_id":1,"id":2,"text":3,"attributes":{"message":4},"_source":{}}"#.to_owned(),
        r#"{"nul\u0000":"\u0000","mixed":[1,"a",null,[{"b":[[true]]}]]}"#.to_owned(),
        "{}".to_owned(),
        deep,
        format!(r#"{{"many":[{many}]}}"#),
    ];
    let arrival = Arrival::new(Timestamp::now());
    let entries: Vec<LogEntry> = (0..)
        .zip(attributes)
        .map(|(position, attributes)| {
            let json = json!({
                "service": "s".repeat(255), "level": "l".repeat(32), "message": format!("start {huge} end"),
                "trace_id": "t".repeat(128), "span_id": "é".repeat(128),
            });
            let mut entry = arrived(&json, &arrival, position);
            entry.attributes = Some(Attributes::parse(attributes).unwrap());
            entry
        })
        .collect();
    add(index, &entries).await;
    let hits = index.search(&text("start end")).await.unwrap();
    let found: Vec<String> = hits.entries.iter().map(crate::entries::text).collect();
    let added: Vec<String> = entries.iter().map(crate::entries::text).collect();
    assert_eq!(found, added);
}

async fn a_batch_of_large_entries_is_added(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let large = "word ".repeat(100_000);
    let messages: Vec<String> = (0..24).map(|n| format!("n{n} {large}")).collect();
    let entries = crate::entries::entries(messages.iter().map(String::as_str));
    add(index, &entries).await;
    for number in [0, 23] {
        let hits = index.search(&text(&format!("n{number}"))).await.unwrap();
        let found: Vec<String> = hits.entries.iter().map(crate::entries::text).collect();
        assert_eq!(found, [crate::entries::text(&entries[number])], "{number}");
    }
}

async fn a_huge_word_does_not_hide_the_rest_of_its_entry(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let (huge, long) = ("a".repeat(1 << 20), "b".repeat(255));
    add(index, &[entry(format!("before {huge} after {long}"))]).await;
    for words in ["before", "after", &long] {
        assert_eq!(messages(index, &text(words)).await.len(), 1, "{words}");
    }
    assert!(messages(index, &text("before-after")).await.is_empty());
    assert!(messages(index, &fuzzy(&"c".repeat(255))).await.is_empty());
}

async fn the_first_write_wins_across_batches(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let entries = series(600, at("2024-06-14T12:00:00Z"));
    add(index, &entries).await;
    let mut changed = entries[299].clone();
    "changed".clone_into(&mut changed.message);
    index.add(&[changed]).await.unwrap();
    add(index, &[entry("later")]).await;
    index.add(&entries).await.unwrap();
    add(index, &[entry("last")]).await;
    assert_eq!(total(index).await, 602);
    assert_eq!(messages(index, &text("299")).await, ["number 299"]);
    assert!(messages(index, &text("changed")).await.is_empty());
}

async fn the_first_write_wins_within_a_batch(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let first = entry("first");
    let second = LogEntry { message: "second".to_owned(), ..first.clone() };
    index.add(&[first, second]).await.unwrap();
    add(index, &[entry("third")]).await;
    let query = text("");
    assert_eq!(messages(index, &query).await, ["first", "third"]);
}

async fn a_cancelled_add_does_not_affect_the_next(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let entries = series(1000, at("2024-06-14T12:00:00Z"));
    let cancelled = tokio::time::timeout(Duration::from_millis(1), index.add(&entries)).await;
    drop(cancelled);
    index.add(&entries).await.unwrap();
    wait_for_total(index, 1000).await;
    add(index, &[entry("last")]).await;
    assert_eq!(total(index).await, 1001);
}
