//! Packed entries, and files of days of which earlier releases wrote the rows.

use std::time::Duration;

use sqlx::SqlSafeStr;
use tokio::time::{Instant, sleep};

use super::super::packed;
use super::earlier::{assert_counts, assert_has_exactly, crashed, earlier_store, finish};
use super::*;
use crate::store::rows;

/// Enough entries for a dictionary.
const MANY: i64 = 6000;

/// Entries that differ as those of a real service do.
fn realistic(count: i64) -> Vec<LogEntry> {
    let entries = of_day("2026-11-20", 0, count).into_iter();
    let vary = |(number, entry): (usize, LogEntry)| {
        let message = format!(
            "the request {:x} of the client at 10.1.{}.{} was not answered within {} ms, so it is sent \
             again to another replica of the service in {} s",
            number * 7919,
            number % 251,
            number % 13,
            number * 31 % 977,
            number % 7
        );
        LogEntry { message, ..entry }
    };
    entries.enumerate().map(vary).collect()
}

/// The number of rows in a table of the entry's day.
async fn rows_in(store: &SqliteStore, entry: &LogEntry, table: &str) -> i64 {
    let file = store.files.get(&Part::of(entry)).await.unwrap().unwrap();
    let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(file.readers()).await.unwrap()
}

async fn train(store: &SqliteStore, entry: &LogEntry) {
    let file = store.files.get(&Part::of(entry)).await.unwrap().unwrap();
    let mut writer = file.writer().await;
    let mut connection = writer.take().await.unwrap();
    file.dictionaries().unwrap().train_if_due(&mut connection, u64::MAX).await;
    writer.put_back(connection);
}

#[tokio::test]
async fn a_dictionary_that_is_not_committed_is_not_used() {
    let (store, _directory) = new_store().await;
    let entries = realistic(MANY);
    let (first, rest) = entries.split_at(10);
    store.insert(first).await.unwrap();
    let file = store.files.get(&Part::of(&first[0])).await.unwrap().unwrap();
    store.insert(&rest[..4000]).await.unwrap();
    let mut writer = file.writer().await;
    let mut connection = writer.take().await.unwrap();
    let dictionaries = file.dictionaries().unwrap();
    connection.lock_handle().await.unwrap().set_commit_hook(|| false);
    dictionaries.train_if_due(&mut connection, u64::MAX).await;
    assert_eq!(dictionaries.latest().dictionary, 0);
    connection.lock_handle().await.unwrap().remove_commit_hook();
    writer.put_back(connection);
    drop(writer);
    assert_eq!(rows_in(&store, &first[0], "dictionaries").await, 0);
    store.insert(&rest[4000..]).await.unwrap();
    assert_has_exactly(&store, &entries, "without a dictionary").await;
}

#[tokio::test]
async fn entries_are_found_after_the_dictionary_has_changed() {
    let (store, directory) = new_store().await;
    let entries = realistic(MANY + 300);
    let (first, rest) = entries.split_at(MANY.try_into().unwrap());
    store.insert(first).await.unwrap();
    assert_eq!(rows_in(&store, &first[0], "dictionaries").await, 1);
    store.insert(&rest[..100]).await.unwrap();
    train(&store, &first[0]).await;
    assert_eq!(rows_in(&store, &first[0], "dictionaries").await, 2);
    store.insert(&rest[100..200]).await.unwrap();
    assert_has_exactly(&store, &entries[..entries.len() - 100], "trained").await;
    drop(store);
    let store = open(&directory).await;
    store.insert(&rest[200..]).await.unwrap();
    assert_has_exactly(&store, &entries, "reopened").await;
    let used = "SELECT COUNT(DISTINCT dictionary) FROM packed_entries";
    let file = store.files.get(&Part::of(&first[0])).await.unwrap().unwrap();
    let used: i64 = sqlx::query_scalar(used).fetch_one(file.readers()).await.unwrap();
    assert_eq!(used, 3);
}

#[tokio::test]
async fn entries_with_every_column_are_packed_unchanged() {
    let (store, _directory) = new_store().await;
    let text = "\u{1b}[31m\u{0}\"\\ \n 用户 €";
    let entry = LogEntry {
        attributes: Some(
            crate::log_entry::Attributes::parse(r#"{"b": 1.0, "a":[ ] }"#.into()).unwrap(),
        ),
        trace_id: Some(text.to_owned().try_into().unwrap()),
        span_id: Some("s".to_owned().try_into().unwrap()),
        message: text.repeat(20_000),
        ..entry("m")
    };
    store.insert(std::slice::from_ref(&entry)).await.unwrap();
    assert_eq!(store.get(entry.id).await.unwrap(), Some(entry));
}

#[tokio::test]
async fn no_read_sorts_rows() {
    let (store, _directory) = new_store().await;
    let entry = entry("m");
    store.insert(std::slice::from_ref(&entry)).await.unwrap();
    let file = store.files.get(&Part::of(&entry)).await.unwrap().unwrap();
    let reads = [
        rows::select(packed::COLUMNS, packed::SOURCE),
        rows::scan(packed::COLUMNS, packed::SOURCE),
        rows::count(packed::SOURCE),
        rows::last(packed::SOURCE),
        rows::first_row(packed::SOURCE),
        rows::deleted(packed::SOURCE),
    ];
    for read in reads {
        let sql = SqlSafeStr::into_sql_str(read).as_str().to_owned();
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan = sqlx::query_as::<_, (i64, i64, i64, String)>(explain);
        let plan = plan.fetch_all(file.readers()).await.unwrap();
        let searches = plan.iter().filter(|step| step.3.contains("USING PRIMARY KEY")).count();
        let sorts = plan.iter().filter(|step| step.3.contains("TEMP B-TREE")).count();
        assert_eq!((searches, sorts), (2, 0), "{sql}: {plan:?}");
    }
}

#[tokio::test]
async fn packed_entries_take_far_less_space() {
    let directories = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let entries = realistic(20_000);
    write_earlier_day(&directories[0], &entries).await;
    let store = open(&directories[1]).await;
    for batch in entries.chunks(5000) {
        store.insert(batch).await.unwrap();
    }
    let file = store.files.get(&Part::of(&entries[0])).await.unwrap().unwrap();
    file.close().await;
    let [plain, packed] = directories
        .each_ref()
        .map(|directory| fs::metadata(day_path(directory, &entries[0])).unwrap().len());
    assert!(packed < plain * 2 / 3, "{packed} of {plain}");
}

#[tokio::test]
async fn the_file_of_an_earlier_release_is_read_packed_and_shrinks() {
    let directory = tempfile::tempdir().unwrap();
    let mut entries = realistic(3 * MANY);
    write_earlier_day(&directory, &entries).await;
    let path = day_path(&directory, &entries[0]);
    let before = fs::metadata(&path).unwrap().len();
    let store = open(&directory).await;
    assert_has_exactly(&store, &entries, "opened").await;
    // The rows of earlier releases are deleted, and are not inserted again.
    let deleted = entries.remove(10);
    assert_eq!(store.delete(&[deleted.id]).await.unwrap(), 1);
    let again = [entries[0].clone(), deleted.clone()]
        .map(|entry| LogEntry { message: "again".into(), ..entry });
    let refused = store.insert(&again).await.unwrap();
    assert_eq!(refused, [Refused { index: 1, reason: crate::error::Refusal::Deleted }]);
    let new = of_day("2026-11-20", 1_000_000, 10);
    store.insert(&new).await.unwrap();
    entries.extend(new);
    assert_has_exactly(&store, &entries, "continued").await;

    pack_all(&store, &entries[0]).await;
    let file = store.files.get(&Part::of(&entries[0])).await.unwrap().unwrap();
    file.compact(&path).await.unwrap();
    assert_eq!(rows_in(&store, &entries[0], "log_entries").await, 0);
    let after = fs::metadata(&path).unwrap().len();
    assert!(after < before * 2 / 3, "{after} of {before}");
    assert_has_exactly(&store, &entries, "packed").await;
    assert_counts(&store, &entries).await;
    let found = store.lookup(&[deleted.id]).await.unwrap();
    assert!(found[&deleted.id].is_deleted);
    assert_eq!(store.insert(&again).await.unwrap(), refused);
    drop((file, store));
    let store = open(&directory).await;
    assert_has_exactly(&store, &entries, "reopened").await;
    assert_counts(&store, &entries).await;
}

#[tokio::test]
async fn a_crash_while_rows_are_packed_neither_loses_nor_doubles_entries() {
    let directory = tempfile::tempdir().unwrap();
    let mut entries = realistic(2200);
    write_earlier_day(&directory, &entries).await;
    let store = open(&directory).await;
    let part = Part::of(&entries[0]);
    let mut after = Vec::new();
    for step in 0.. {
        let copy = crashed(&directory);
        let other = open(&copy).await;
        let context = format!("after {step} steps");
        assert_has_exactly(&other, &entries, &context).await;
        pack_all(&other, &entries[0]).await;
        assert_has_exactly(&other, &entries, &format!("{context}, packed")).await;
        assert_counts(&other, &entries).await;
        // Some that have been packed, some that have not.
        let deleted = entries.remove(entries.len() - 10);
        let ids = [deleted.id, entries.remove(step).id];
        assert_eq!(store.delete(&ids).await.unwrap(), 2);
        let new = of_day("2026-11-20", 100_000 + i64::try_from(step).unwrap(), 1);
        store.insert(&new).await.unwrap();
        entries.extend(new);
        let file = store.files.get(&part).await.unwrap().unwrap();
        let Some(last) = file.pack_rows(&after).await.unwrap() else { break };
        after = last;
    }
    assert_has_exactly(&store, &entries, "packed").await;
}

#[tokio::test]
async fn an_opened_store_packs_earlier_rows_in_the_background() {
    let directory = tempfile::tempdir().unwrap();
    let entries = realistic(2000);
    write_earlier_day(&directory, &entries).await;
    let opened = super::super::open(&url(directory.path())).await.unwrap();
    // Another handle only counts the rows.
    let reader = sqlx::SqlitePool::connect_lazy_with(
        sqlx::sqlite::SqliteConnectOptions::new().filename(day_path(&directory, &entries[0])),
    );
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM log_entries")
            .fetch_one(&reader)
            .await
            .unwrap();
        if rows == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{rows} rows are left");
        sleep(Duration::from_millis(20)).await;
    }
    let count = opened.count(&Class::DEFAULT, IdRange::ALL).await.unwrap();
    assert_eq!(count, entries.len() as u64);
}

#[tokio::test]
async fn days_are_moved_again_to_files_that_are_packed() {
    let (directory, mut entries) = earlier_store().await;
    let catalogue = directory.path().join("store.db");
    let store = open(&directory).await;
    let deleted = entries.remove(4505);
    store.delete(&[deleted.id]).await.unwrap();
    drop(store);
    let copy = directory.path().join("copy");
    crate::sqlite::snapshot::copy(&catalogue, &copy).await.unwrap();
    let store = open(&directory).await;
    finish(&store).await;
    for index in [0, 4500, 4510] {
        pack_all(&store, &entries[index]).await;
    }
    drop(store);
    // A backup has the catalogue before the move, and the files after it.
    for companion in ["store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(directory.path().join(companion));
    }
    fs::rename(&copy, &catalogue).unwrap();
    let store = open(&directory).await;
    // The file has been packed before this deletion.
    let other = entries.remove(20);
    store.delete(&[other.id]).await.unwrap();
    finish(&store).await;
    assert_has_exactly(&store, &entries, "moved again").await;
    assert_counts(&store, &entries).await;
    assert_eq!(rows_in(&store, &entries[0], "log_entries").await, 0);
}

#[tokio::test]
async fn the_log_of_a_file_that_is_not_written_is_emptied() {
    let directory = tempfile::tempdir().unwrap();
    let store = super::super::open(&url(directory.path())).await.unwrap();
    let entries = realistic(1000);
    store.insert(&entries).await.unwrap();
    let log = format!("{}-wal", day_path(&directory, &entries[0]).display());
    assert!(fs::metadata(&log).unwrap().len() > 0);
    let deadline = Instant::now() + Duration::from_mins(1);
    while fs::metadata(&log).unwrap().len() > 0 {
        assert!(Instant::now() < deadline, "the log is not emptied");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.get(entries[7].id).await.unwrap().as_ref(), Some(&entries[7]));
}
