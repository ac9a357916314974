//! The contract of the store: idempotent inserts, durable entries.

mod deletion;
mod retention;

use std::sync::Arc;
use std::time::Duration;

use shared::retention::Class;
use shared::store::{self, IdRange, ScanPage, Store};
use shared::testing::EntryBuilder;
use shared::{Arrival, EntryId, LogEntry, Timestamp};
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
        a_scan_returns_every_entry_once_in_the_order_of_ids,
        a_scan_is_limited_to_its_range,
        a_page_of_large_entries_ends_at_eight_mebibytes,
        a_scan_continues_while_entries_are_inserted,
        an_empty_store_has_nothing_to_scan_and_no_last_id,
        a_cancelled_scan_does_not_affect_the_next,
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
        let _ = tokio::time::timeout(Duration::from_micros(micros), insert).await;
        let entry = entry("next");
        store.insert(std::slice::from_ref(&entry)).await.unwrap();
        assert!(store.get(entry.id).await.unwrap().is_some());
    }
}

/// Reads the range of the default class page by page, and returns the entries of each page.
async fn scan(store: &dyn Store, range: IdRange, limit: usize) -> Vec<Vec<LogEntry>> {
    scan_class(store, &Class::DEFAULT, range, limit).await
}

async fn scan_class(
    store: &dyn Store,
    class: &Class,
    mut range: IdRange,
    limit: usize,
) -> Vec<Vec<LogEntry>> {
    let mut pages = Vec::new();
    loop {
        let ScanPage { entries, damaged } = store.scan(class, range, limit).await.unwrap();
        assert_eq!(damaged, 0);
        let Some(last) = entries.last() else { return pages };
        range = range.after(last.id);
        pages.push(entries);
    }
}

/// One entry a day: the first at midnight, the others later on their days.
fn one_a_day(days: i64) -> Vec<LogEntry> {
    let first = Timestamp::parse("2024-06-14T00:00:00Z").unwrap().as_micros();
    let time = |day: i64| {
        let micros = first + day * (Timestamp::MICROS_PER_DAY + 1000);
        Timestamp::from_micros(micros).unwrap()
    };
    let entry = |day| EntryBuilder::new(format!("day {day}")).arrival(&Arrival::new(time(day)), 0);
    (0..days).map(|day| entry(day).build()).collect()
}

fn ids(entries: &[LogEntry]) -> Vec<EntryId> {
    entries.iter().map(|entry| entry.id).collect()
}

async fn a_scan_returns_every_entry_once_in_the_order_of_ids(fixture: Fixture) {
    let store = fixture.open().await;
    let batch = entries((0..2500).map(|number| format!("number {number}")));
    for part in [&batch[1000..], &batch[..1000]] {
        assert_eq!(store.insert(part).await.unwrap(), []);
    }
    for limit in [1000, 2500, 10_000] {
        let pages = scan(&*store, IdRange::ALL, limit).await;
        assert!(pages.iter().all(|page| page.len() <= limit));
        assert!(pages.concat() == batch, "limit {limit}");
    }
    assert_eq!(store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 2500);
    assert_eq!(store.last(&Class::DEFAULT, IdRange::ALL).await.unwrap(), Some(batch[2499].id));
}

async fn a_scan_is_limited_to_its_range(fixture: Fixture) {
    let store = fixture.open().await;
    let days = one_a_day(4);
    store.insert(&days).await.unwrap();
    let between = |from: &str, to: &str| {
        IdRange::between(Timestamp::parse(from).unwrap(), Timestamp::parse(to).unwrap())
    };
    let until = |index: usize| IdRange { after: None, until: Some(days[index].id) };
    for (range, expected) in [
        (IdRange::ALL, &days[..]),
        (IdRange::ALL.after(days[0].id), &days[1..]),
        (IdRange::ALL.after(days[3].id), &[]),
        (until(1), &days[..2]),
        (until(2).after(days[0].id), &days[1..3]),
        (until(2).after(days[2].id), &[]),
        (between("2024-06-14T00:00:00Z", "2024-06-15T00:00:00Z"), &days[..1]),
        (between("2024-06-14T00:00:00.001Z", "2024-06-16T00:00:00.003Z"), &days[1..3]),
        (between("2024-06-18T00:00:00Z", "2024-06-20T00:00:00Z"), &[]),
    ] {
        let found = scan(&*store, range, 2).await.concat();
        assert_eq!(ids(&found), ids(expected), "{range:?}");
        assert_eq!(
            store.count(&Class::DEFAULT, range).await.unwrap(),
            expected.len() as u64,
            "{range:?}"
        );
        let last = expected.last().map(|entry| entry.id);
        assert_eq!(store.last(&Class::DEFAULT, range).await.unwrap(), last, "{range:?}");
    }
}

async fn a_page_of_large_entries_ends_at_eight_mebibytes(fixture: Fixture) {
    let store = fixture.open().await;
    let message = "m".repeat(1024 * 1024 - 100);
    let batch = entries(vec![message; 20]);
    for part in batch.chunks(4) {
        store.insert(part).await.unwrap();
    }
    let pages = scan(&*store, IdRange::ALL, 1000).await;
    let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [9, 9, 2]);
    assert_eq!(ids(&pages.concat()), ids(&batch));
}

async fn a_scan_continues_while_entries_are_inserted(fixture: Fixture) {
    let store = fixture.open().await;
    let before = entries(vec!["before"; 3000]);
    store.insert(&before).await.unwrap();
    let writer = Arc::clone(&store);
    let inserting = tokio::spawn(async move {
        for _ in 0..20 {
            writer.insert(&entries(vec!["during"; 100])).await.unwrap();
        }
    });
    let found = scan(&*store, IdRange::ALL, 100).await.concat();
    inserting.await.unwrap();
    assert!(ids(&found).is_sorted_by(|one, next| one < next));
    assert_eq!(ids(&found[..3000]), ids(&before));
    assert_eq!(store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 5000);
}

async fn an_empty_store_has_nothing_to_scan_and_no_last_id(fixture: Fixture) {
    let store = fixture.open().await;
    assert_eq!(store.scan(&Class::DEFAULT, IdRange::ALL, 10).await.unwrap(), ScanPage::default());
    assert_eq!(store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 0);
    assert_eq!(store.last(&Class::DEFAULT, IdRange::ALL).await.unwrap(), None);
}

async fn a_cancelled_scan_does_not_affect_the_next(fixture: Fixture) {
    let store = fixture.open().await;
    let batch = entries(vec!["m"; 5000]);
    store.insert(&batch).await.unwrap();
    for micros in [0, 100, 1000, 5000] {
        let scan = store.scan(&Class::DEFAULT, IdRange::ALL, 5000);
        let _ = tokio::time::timeout(Duration::from_micros(micros), scan).await;
        let page = store.scan(&Class::DEFAULT, IdRange::ALL, 10).await.unwrap();
        assert_eq!(ids(&page.entries), ids(&batch[..10]));
    }
}
