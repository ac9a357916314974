//! The contract of the store: idempotent inserts, durable entries.

use std::sync::Arc;

use shared::LogEntry;
use shared::store::{self, Store};
use tempfile::TempDir;
use url::Url;

use crate::entries::{entries, entry, text};

contract! {
    adapters: [sqlite,],
    services: [mysql,],
    tests: [
        an_inserted_entry_is_found,
        an_unknown_id_is_not_found,
        an_entry_survives_reopening,
        the_first_write_wins_across_batches,
        the_first_write_wins_within_a_batch,
        values_at_the_limits_are_stored_unaltered,
        inserting_no_entries_succeeds,
        a_batch_of_five_thousand_entries_is_stored,
        concurrent_inserts_all_succeed,
        concurrent_inserts_of_the_same_batch_succeed,
        a_cancelled_insert_does_not_affect_the_next,
    ]
}

/// A new, empty store.
struct Fixture {
    url: Url,
    _directory: Option<TempDir>,
    _database: Option<crate::mysql::Database>,
}

fn sqlite() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/store.db", directory.path().display());
    Fixture { url: url.parse().unwrap(), _directory: Some(directory), _database: None }
}

fn mysql() -> Fixture {
    let database = crate::mysql::Database::create();
    Fixture { url: database.url.clone(), _directory: None, _database: Some(database) }
}

impl Fixture {
    async fn open(&self) -> Arc<dyn Store> {
        store::open(&self.url).await.unwrap()
    }
}

fn with_message(entry: &LogEntry, message: &str) -> LogEntry {
    LogEntry { message: message.to_owned(), ..entry.clone() }
}

async fn an_inserted_entry_is_found(fixture: Fixture) {
    let store = fixture.open().await;
    let entry = entry("payment declined");
    let refused = store.insert(std::slice::from_ref(&entry)).await.unwrap();
    assert_eq!(refused, []);
    let found = store.get(entry.id).await.unwrap().unwrap();
    assert_eq!(text(&found), text(&entry));
    store.ready().await.unwrap();
}

async fn an_unknown_id_is_not_found(fixture: Fixture) {
    let store = fixture.open().await;
    store.insert(&[entry("stored")]).await.unwrap();
    let found = store.get(entry("unknown").id).await.unwrap();
    assert!(found.is_none());
}

async fn an_entry_survives_reopening(fixture: Fixture) {
    let entry = entry("kept");
    let store = fixture.open().await;
    store.insert(std::slice::from_ref(&entry)).await.unwrap();
    drop(store);
    let found = fixture.open().await.get(entry.id).await.unwrap();
    assert_eq!(found.unwrap().message, "kept");
}

async fn the_first_write_wins_across_batches(fixture: Fixture) {
    let store = fixture.open().await;
    let first = entry("first");
    let refused = store.insert(std::slice::from_ref(&first)).await.unwrap();
    assert_eq!(refused, []);
    let later = [with_message(&first, "second"), entry("new")];
    let refused = store.insert(&later).await.unwrap();
    assert_eq!(refused, []);
    let found = store.get(first.id).await.unwrap().unwrap();
    assert_eq!(found.message, "first");
    let new = store.get(later[1].id).await.unwrap().unwrap();
    assert_eq!(new.message, "new");
}

async fn the_first_write_wins_within_a_batch(fixture: Fixture) {
    let store = fixture.open().await;
    let first = entry("first");
    let batch = [first.clone(), with_message(&first, "second")];
    let refused = store.insert(&batch).await.unwrap();
    assert_eq!(refused, []);
    let found = store.get(first.id).await.unwrap().unwrap();
    assert_eq!(found.message, "first");
}

async fn values_at_the_limits_are_stored_unaltered(fixture: Fixture) {
    let store = fixture.open().await;
    let long = "m".repeat(1024 * 1024);
    let messages = ["", "\0", "a\0b\0", "🦀 ß \u{10ffff}", "'; DROP TABLE x; --", &long];
    let fields = [
        r#""timestamp":"9999-12-31T23:59:59.999999Z","level":"FATAL""#.to_owned(),
        r#""timestamp":"1970-01-01T00:00:00.000000Z","level":"ÄÖ \u0000 Ü""#.to_owned(),
        format!(r#""timestamp":"2024-06-14T12:00:00.123456Z","level":"{}""#, "🦀".repeat(32)),
    ];
    let mut batch = entries(messages);
    for field in fields {
        let id = entry("").id;
        let service_name = "🦀".repeat(255);
        let trace_id = "ß".repeat(128);
        let attributes = r#"{"b": 1.10,"a":"\u0000🦀","b":[]}"#;
        let json = format!(
            r#"{{"id":"{id}",{field},"service_name":"{service_name}","message":"m",
            "attributes":{attributes},"trace_id":"{trace_id}","span_id":"\u0000"}}"#
        );
        batch.push(LogEntry::from_json(json.as_bytes()).unwrap());
    }
    let refused = store.insert(&batch).await.unwrap();
    assert_eq!(refused, []);
    for entry in &batch {
        let found = store.get(entry.id).await.unwrap().unwrap();
        assert_eq!(text(&found), text(entry));
    }
}

async fn inserting_no_entries_succeeds(fixture: Fixture) {
    let refused = fixture.open().await.insert(&[]).await.unwrap();
    assert_eq!(refused, []);
}

async fn a_batch_of_five_thousand_entries_is_stored(fixture: Fixture) {
    let store = fixture.open().await;
    let batch = entries(vec!["m"; 5000]);
    let refused = store.insert(&batch).await.unwrap();
    assert_eq!(refused, []);
    for entry in &batch {
        assert!(store.get(entry.id).await.unwrap().is_some());
    }
}

async fn concurrent_inserts_all_succeed(fixture: Fixture) {
    let store = fixture.open().await;
    let mut inserts = Vec::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        inserts.push(tokio::spawn(async move {
            let batch = entries(vec!["m"; 250]);
            store.insert(&batch).await.map(|_| batch)
        }));
    }
    for insert in inserts {
        for entry in insert.await.unwrap().unwrap() {
            assert!(store.get(entry.id).await.unwrap().is_some());
        }
    }
}

async fn concurrent_inserts_of_the_same_batch_succeed(fixture: Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    for _ in 0..5 {
        let batch = entries(vec!["m"; 3000]);
        let (first, second) = tokio::join!(one.insert(&batch), other.insert(&batch));
        assert_eq!(first.unwrap(), []);
        assert_eq!(second.unwrap(), []);
        assert!(one.get(batch[2999].id).await.unwrap().is_some());
    }
}

async fn a_cancelled_insert_does_not_affect_the_next(fixture: Fixture) {
    let store = fixture.open().await;
    for micros in [0, 100, 1000, 5000] {
        let batch = entries(vec!["cancelled"; 5000]);
        let insert = store.insert(&batch);
        let _ = tokio::time::timeout(std::time::Duration::from_micros(micros), insert).await;
        let entry = entry("next");
        store.insert(std::slice::from_ref(&entry)).await.unwrap();
        assert!(store.get(entry.id).await.unwrap().is_some());
    }
}
