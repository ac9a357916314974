use std::fs;
use std::path::{Path, PathBuf};

use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::*;
use crate::error::Error;
use crate::log_entry::Arrival;
use crate::testing::{EntryBuilder, entries, entry};

mod backup;
mod days;
mod earlier;
mod packed;

fn url(directory: &Path) -> Url {
    format!("sqlite://{}/store.db", directory.display()).parse().unwrap()
}

/// Opens a store without the task that moves rows.
async fn open(directory: &TempDir) -> SqliteStore {
    SqliteStore::open(&url(directory.path())).await.unwrap()
}

async fn new_store() -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (open(&directory).await, directory)
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn class(condition: &str) -> Class {
    Class::new(condition).unwrap()
}

/// `count` entries of the default class that arrived on the day, a millisecond apart from `first`.
fn of_day(text: &str, first: i64, count: i64) -> Vec<LogEntry> {
    let start = day(text).start().as_micros();
    let arrival = |number: i64| {
        Arrival::new(Timestamp::from_micros(start + (first + number) * 1000).unwrap())
    };
    let entry = |number| EntryBuilder::new(format!("{text} {number}")).arrival(&arrival(number), 0);
    (0..count).map(|number| entry(number).build()).collect()
}

async fn execute(file: &EntryFile, sql: impl Into<String>) {
    let mut writer = file.writer().await;
    let mut connection = writer.take().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(&mut connection).await.unwrap();
    writer.put_back(connection);
}

/// The id as SQL.
fn hex(id: EntryId) -> String {
    format!("x'{}'", id.to_string().replace('-', ""))
}

/// Writes the file of the entries' day as an earlier release did: none of them is packed.
async fn write_earlier_day(directory: &TempDir, entries: &[LogEntry]) {
    let store = open(directory).await;
    let file = store.files.get_or_create(&Part::of(&entries[0])).await.unwrap();
    let (writer, readers) =
        sqlite::open_file(&day_path(directory, &entries[0]), false, "").await.unwrap();
    let plain = EntryFile::earlier(writer, readers);
    plain.insert(entries).await.unwrap();
    execute(&plain, format!("UPDATE entry_count SET entries = {}", entries.len())).await;
    execute(&plain, "DROP TABLE packed_entries; DROP TABLE dictionaries").await;
    plain.close().await;
    file.close().await;
}

/// The file of the entry's day.
fn day_path(directory: &TempDir, entry: &LogEntry) -> PathBuf {
    directory.path().join(format!("store/{}.db", Day::of(entry.id)))
}

/// Runs SQL in the file of the entry's day.
async fn change(store: &SqliteStore, entry: &LogEntry, sql: impl Into<String>) {
    let part = Part::of(entry);
    execute(&store.files.get_or_create(&part).await.unwrap(), sql).await;
}

async fn scan_all(store: &SqliteStore, class: &Class) -> Vec<LogEntry> {
    let mut found = Vec::new();
    let mut range = IdRange::ALL;
    loop {
        let page = store.scan(class, range, 1000).await.unwrap();
        let Some(last) = page.entries.last() else { return found };
        range = range.after(last.id);
        found.extend(page.entries);
    }
}

#[tokio::test]
async fn only_the_row_that_sqlite_rejects_is_refused() {
    let (store, _directory) = new_store().await;
    let mut messages = vec!["good"; 250];
    messages[7] = "bad";
    messages[203] = "bad";
    let entries = entries(messages);
    let bad = [7, 203].map(|index: usize| hex(entries[index].id)).join(", ");
    let sql = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON packed_entries WHEN NEW.id IN ({bad})
         BEGIN SELECT RAISE(ABORT, 'bad message'); END"
    );
    change(&store, &entries[0], sql).await;
    let refused = store.insert(&entries).await.unwrap();
    let indexes: Vec<usize> = refused.iter().map(|refused| refused.index).collect();
    assert_eq!(indexes, [7, 203]);
    assert!(refused[0].reason.to_string().contains("bad message"), "{refused:?}");
    for (index, entry) in entries.iter().enumerate() {
        let found = store.get(entry.id).await.unwrap().is_some();
        assert_eq!(found, !indexes.contains(&index), "{index}");
    }
}

#[tokio::test]
async fn inserts_succeed_again_once_a_full_disk_has_space() {
    let (store, _directory) = new_store().await;
    let entries = entries(vec!["m"; 5000]);
    change(&store, &entries[0], "PRAGMA max_page_count = 20").await;
    let error = store.insert(&entries).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { service: "store", .. }));
    assert!(store.get(entries[0].id).await.unwrap().is_none());
    assert_eq!(store.insert(&entries).await.unwrap(), []);
    assert!(store.get(entries[0].id).await.unwrap().is_some());
}

fn messages(page: &ScanPage) -> Vec<&str> {
    page.entries.iter().map(|entry| entry.message.as_str()).collect()
}

#[tokio::test]
async fn a_row_that_cannot_be_decoded_gets_a_rejected_error() {
    let (store, _directory) = new_store().await;
    let entry = entry("m");
    store.insert(std::slice::from_ref(&entry)).await.unwrap();
    for change_to in ["content = x'00'", "dictionary = 7"] {
        change(&store, &entry, format!("UPDATE packed_entries SET {change_to}")).await;
        let error = store.get(entry.id).await.unwrap_err();
        assert!(matches!(error, Error::Rejected { service: "store", .. }), "{change_to}");
    }
}

#[tokio::test]
async fn a_scan_skips_and_counts_rows_that_are_not_entries() {
    let directory = tempfile::tempdir().unwrap();
    let entries = entries(["0", "1", "2", "3", "4", "5", "6", "7"]);
    write_earlier_day(&directory, &entries).await;
    let store = open(&directory).await;
    for (message, change_to) in [
        ("1", "attributes = '['"),
        ("2", "timestamp = -1"),
        ("4", "message = x'ff'"),
        ("6", "service_name = ''"),
        ("7", "id = x'ffffffffffff4fffffffffffffffffff'"),
    ] {
        let sql = format!("UPDATE log_entries SET {change_to} WHERE message = '{message}'");
        change(&store, &entries[0], sql).await;
    }
    for is_packed in [false, true] {
        if is_packed {
            pack_all(&store, &entries[0]).await;
        }
        assert_skips_damaged_rows(&store).await;
    }
    let last = store.last(&Class::DEFAULT, IdRange::ALL).await.unwrap();
    assert_eq!(last, Some(entries[6].id));
    assert_eq!(store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 8);
}

/// Packs the rows of the entry's day.
async fn pack_all(store: &SqliteStore, entry: &LogEntry) {
    let file = store.files.get(&Part::of(entry)).await.unwrap().unwrap();
    let mut after = Vec::new();
    while let Some(last) = file.pack_rows(&after).await.unwrap() {
        after = last;
    }
}

async fn assert_skips_damaged_rows(store: &SqliteStore) {
    for (limit, pages) in [
        (100, &[(&["0", "3", "5"][..], 3), (&[], 2)][..]),
        (4, &[(&["0", "3"], 2), (&["5"], 1), (&[], 2)]),
        (2, &[(&["0"], 0), (&["3"], 2), (&["5"], 1), (&[], 2)]),
        (1, &[(&["0"], 0), (&["3"], 2), (&["5"], 1), (&[], 2)]),
    ] {
        let mut range = IdRange::ALL;
        for (expected, damaged) in pages {
            let page = store.scan(&Class::DEFAULT, range, limit).await.unwrap();
            assert_eq!(messages(&page), *expected, "limit {limit}");
            assert_eq!(page.damaged, *damaged, "limit {limit}, {expected:?}");
            let last = page.entries.last();
            range = last.map_or(range, |entry| range.after(entry.id));
        }
    }
}

#[tokio::test]
async fn a_row_with_another_id_does_not_hide_later_days() {
    let (store, _directory) = new_store().await;
    let first = of_day("2026-11-20", 0, 2);
    let second = of_day("2026-11-21", 0, 2);
    store.insert(&first).await.unwrap();
    store.insert(&second).await.unwrap();
    let sql = "UPDATE packed_entries SET id = x'ffffffffffff4fffffffffffffffffff' WHERE id = ";
    change(&store, &first[0], format!("{sql}{}", hex(first[1].id))).await;
    for limit in [1, 2, 3, 10] {
        let mut range = IdRange::ALL;
        let mut found = Vec::new();
        loop {
            let page = store.scan(&Class::DEFAULT, range, limit).await.unwrap();
            let Some(last) = page.entries.last() else { break };
            range = range.after(last.id);
            found.extend(messages(&page).into_iter().map(str::to_owned));
        }
        assert_eq!(found, ["2026-11-20 0", "2026-11-21 0", "2026-11-21 1"], "limit {limit}");
    }
}

#[tokio::test]
async fn entries_are_inserted_and_read_during_a_scan() {
    let (store, _directory) = new_store().await;
    let first = entries(vec!["first"; 1000]);
    store.insert(&first).await.unwrap();
    let page = store.scan(&Class::DEFAULT, IdRange::ALL, 900).await.unwrap();
    let later = entries(vec!["later"; 1000]);
    store.insert(&later).await.unwrap();
    let rest = IdRange::ALL.after(page.entries[899].id);
    let rest = store.scan(&Class::DEFAULT, rest, 5000).await.unwrap();
    assert_eq!(rest.entries.len(), 1100);
    assert!(store.get(later[999].id).await.unwrap().is_some());
}
