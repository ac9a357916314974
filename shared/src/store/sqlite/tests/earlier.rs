//! A store of an earlier release, which has all entries in one table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::migrate::Migrator;

use super::super::earlier::Step;
use super::*;
use crate::sqlite;

/// The migrations of earlier releases.
fn migrations() -> Migrator {
    let migrator = sqlx::migrate!("migrations/sqlite/store");
    let earlier = migrator.iter().filter(|migration| migration.version == 1).cloned();
    Migrator::with_migrations(earlier.collect())
}

/// The entries of the store of an earlier release: the first day is copied in several chunks.
fn earlier_entries() -> Vec<LogEntry> {
    let days = [("2026-11-18", 4500), ("2026-11-20", 10), ("2026-11-21", 700)];
    days.into_iter().flat_map(|(day, count)| of_day(day, 1000, count)).collect()
}

/// A store as an earlier release has left it.
pub(super) async fn earlier_store() -> (TempDir, Vec<LogEntry>) {
    let directory = tempfile::tempdir().unwrap();
    let url = url(directory.path());
    let (writer, readers) = sqlite::open(VARIABLE, &url, &migrations()).await.unwrap();
    let file = EntryFile::earlier(writer, readers);
    let entries = earlier_entries();
    file.insert(&entries).await.unwrap();
    file.close().await;
    (directory, entries)
}

/// What a crash would leave: the files as they are now.
pub(super) fn crashed(directory: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("store")).unwrap();
    for part in ["", "store"] {
        let Ok(files) = fs::read_dir(directory.path().join(part)) else { continue };
        for path in files.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
            if !path.to_string_lossy().ends_with("-shm") {
                fs::copy(&path, copy.path().join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    copy
}

#[tokio::test]
async fn entries_of_an_earlier_release_are_kept_forever_by_default() {
    let (directory, _) = earlier_store().await;
    let store = SqliteStore::open(&url(directory.path())).await.unwrap();
    assert_eq!(store.default_keep().await.unwrap(), Keep::Forever);
}

/// Moves rows until a step is followed by one that `is_last` accepts.
async fn move_until(store: &SqliteStore, is_last: impl Fn(Step) -> bool) {
    for _ in 0..1000 {
        if is_last(store.move_step().await.unwrap()) {
            return;
        }
    }
    panic!("the move does not end");
}

pub(super) async fn finish(store: &SqliteStore) {
    move_until(store, |step| step == Step::Done).await;
}

/// The number of rows in the catalogue.
async fn rows(store: &SqliteStore) -> u64 {
    store.catalogue.file().count(IdRange::ALL.bounds()).await.unwrap()
}

pub(super) async fn assert_has_exactly(store: &SqliteStore, expected: &[LogEntry], context: &str) {
    let mut expected = expected.to_vec();
    expected.sort_by_key(|entry| entry.id);
    let found = scan_all(store, &Class::DEFAULT).await;
    assert!(found == expected, "{context}: {} of {}", found.len(), expected.len());
    let count = store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap();
    assert_eq!(count, expected.len() as u64, "{context}");
    for entry in expected.iter().step_by(97).chain(expected.last()) {
        assert_eq!(store.get(entry.id).await.unwrap().as_ref(), Some(entry), "{context}");
    }
}

#[tokio::test]
async fn entries_of_an_earlier_release_are_read_and_continued() {
    let (directory, mut entries) = earlier_store().await;
    let store = open(&directory).await;
    assert_has_exactly(&store, &entries, "opened").await;
    let last = store.last(&Class::DEFAULT, IdRange::ALL).await.unwrap();
    assert_eq!(last, entries.last().map(|entry| entry.id));
    let again: Vec<LogEntry> =
        entries.iter().map(|entry| LogEntry { message: "again".into(), ..entry.clone() }).collect();
    assert_eq!(store.insert(&again[..100]).await.unwrap(), []);
    let other_class = LogEntry { retention: class("a:1"), ..again[0].clone() };
    let refused = store.insert(&[other_class]).await.unwrap();
    assert_eq!(refused, [Refused { index: 0, reason: crate::error::Refusal::Duplicate }]);
    let rows_before = rows(&store).await;
    let new = [of_day("2026-11-18", 0, 2), of_day("2026-11-21", 5000, 3)].concat();
    store.insert(&new).await.unwrap();
    assert_eq!(rows(&store).await, rows_before + 5);
    let later = of_day("2026-11-22", 0, 4);
    store.insert(&later).await.unwrap();
    assert_eq!(rows(&store).await, rows_before + 5);
    entries.extend(new.into_iter().chain(later));
    assert_has_exactly(&store, &entries, "continued").await;
    drop(store);
    assert_has_exactly(&open(&directory).await, &entries, "reopened").await;
}

#[tokio::test]
async fn a_move_is_complete_and_frees_the_space() {
    let (directory, entries) = earlier_store().await;
    let store = open(&directory).await;
    let file = directory.path().join("store.db");
    let before = fs::metadata(&file).unwrap().len();
    let days = store.days().await.unwrap();
    assert_eq!(days.iter().map(|size| size.entries > 0).collect::<Vec<_>>(), [true; 3]);
    finish(&store).await;
    assert_has_exactly(&store, &entries, "moved").await;
    assert_eq!(rows(&store).await, 0);
    let after = fs::metadata(&file).unwrap().len();
    assert!(after < before / 5, "{after} of {before}");
    let mut counts: Vec<(Day, u64)> =
        store.days().await.unwrap().iter().map(|size| (size.day, size.entries)).collect();
    counts.sort_unstable();
    let expected = [("2026-11-18", 4500), ("2026-11-20", 10), ("2026-11-21", 700)];
    assert_eq!(counts, expected.map(|(text, count)| (day(text), count)));
    drop(store);
    let store = open(&directory).await;
    assert_has_exactly(&store, &entries, "reopened").await;
    finish(&store).await;
}

#[tokio::test]
async fn a_crash_during_a_move_neither_loses_nor_doubles_entries() {
    let (directory, mut entries) = earlier_store().await;
    let store = open(&directory).await;
    let mut late = (0..).flat_map(|number| {
        let days = ["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"];
        days.map(|day| of_day(day, number, 1).remove(0))
    });
    let mut is_done = false;
    for steps in 0.. {
        let crashed = crashed(&directory);
        let other = open(&crashed).await;
        let context = format!("after {steps} steps");
        assert_has_exactly(&other, &entries, &context).await;
        let mut expected = entries.clone();
        expected.extend(of_day("2026-11-18", 6000 + steps, 1));
        expected.extend(of_day("2026-11-21", 6000 + steps, 1));
        other.insert(&expected[entries.len()..]).await.unwrap();
        finish(&other).await;
        assert_has_exactly(&other, &expected, &format!("{context}, finished")).await;
        assert_eq!(rows(&other).await, 0, "{context}");
        if is_done {
            break;
        }
        let inserted: Vec<LogEntry> = late.by_ref().take(3).collect();
        assert_eq!(store.insert(&inserted).await.unwrap(), []);
        entries.extend(inserted);
        is_done = store.move_step().await.unwrap() == Step::Done;
        assert_has_exactly(&store, &entries, &context).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_inserted_while_days_are_moved() {
    let (directory, mut entries) = earlier_store().await;
    let store = Arc::new(open(&directory).await);
    let writer = Arc::clone(&store);
    let inserting = tokio::spawn(async move {
        let mut inserted = Vec::new();
        for number in 0..60 {
            let batch = [
                of_day("2026-11-18", number * 5, 5),
                of_day("2026-11-20", number * 5, 5),
                of_day("2026-11-21", 10_000 + number * 5, 5),
            ]
            .concat();
            assert_eq!(writer.insert(&batch).await.unwrap(), []);
            for entry in batch.iter().step_by(7) {
                assert_eq!(writer.get(entry.id).await.unwrap().as_ref(), Some(entry));
            }
            inserted.extend(batch);
        }
        inserted
    });
    let earlier: BTreeSet<EntryId> = entries.iter().map(|entry| entry.id).collect();
    while store.move_step().await.unwrap() != Step::Done {
        let found = scan_all(&store, &Class::DEFAULT).await;
        assert!(found.is_sorted_by(|one, next| one.id < next.id));
        let found = found.iter().filter(|entry| earlier.contains(&entry.id)).count();
        assert_eq!(found, earlier.len());
    }
    entries.extend(inserting.await.unwrap());
    assert_has_exactly(&store, &entries, "moved").await;
    drop(store);
    assert_has_exactly(&open(&directory).await, &entries, "reopened").await;
}

#[tokio::test]
async fn days_are_dropped_while_they_are_moved() {
    let (directory, entries) = earlier_store().await;
    for steps in 0..20 {
        let directory = crashed(&directory);
        let store = open(&directory).await;
        for _ in 0..steps {
            store.move_step().await.unwrap();
        }
        store.drop_before(&Class::DEFAULT, day("2026-11-21")).await.unwrap();
        let kept = &entries[4510..];
        let context = format!("after {steps} steps");
        assert_has_exactly(&store, kept, &context).await;
        assert_eq!(store.get(entries[0].id).await.unwrap(), None, "{context}");
        let days = store.days().await.unwrap();
        assert_eq!(days.len(), 1, "{context}: {days:?}");
        finish(&store).await;
        assert_has_exactly(&store, kept, &format!("{context}, finished")).await;
        let files: Vec<_> = fs::read_dir(directory.path().join("store")).unwrap().collect();
        let is_kept = |name: &str| name.starts_with("2026-11-21.db");
        assert!(
            files.iter().all(|file| is_kept(&file.as_ref().unwrap().file_name().to_string_lossy())),
            "{context}: {files:?}"
        );
    }
}

#[tokio::test]
async fn rows_that_a_read_uses_are_deleted_after_it() {
    let (directory, entries) = earlier_store().await;
    let store = open(&directory).await;
    let table = store.table(&Part::of(&entries[0])).await.unwrap().unwrap();
    move_until(&store, |step| step != Step::Next).await;
    assert_eq!(rows(&store).await, entries.len() as u64);
    let count = table.file.count(table.bounds(IdRange::ALL)).await.unwrap();
    assert_eq!(count, entries.len() as u64);
    drop(table);
    finish(&store).await;
    assert_eq!(rows(&store).await, 0);
    assert_has_exactly(&store, &entries, "moved").await;
}

#[tokio::test]
async fn rows_that_are_not_entries_are_moved_too() {
    let (directory, _) = earlier_store().await;
    let store = open(&directory).await;
    let file = store.catalogue.file();
    for (number, id) in
        ["00", "0190163d86944000800000000000000a", "ffffffffffff4fffffffffffffffffff"]
            .iter()
            .enumerate()
    {
        let sql =
            format!("UPDATE log_entries SET id = x'{id}' WHERE message = '2026-11-20 {number}'");
        execute(file, sql).await;
    }
    for _ in 0..2 {
        let page = store.scan(&Class::DEFAULT, IdRange::ALL, 10_000).await.unwrap();
        let rest = IdRange::ALL.after(page.entries.last().unwrap().id);
        let rest = store.scan(&Class::DEFAULT, rest, 10_000).await.unwrap();
        assert_eq!((page.entries.len(), page.damaged, rest.damaged), (5207, 2, 1));
        finish(&store).await;
    }
}

#[tokio::test]
async fn an_earlier_release_refuses_the_catalogue() {
    let (directory, _) = earlier_store().await;
    drop(open(&directory).await);
    let opened = sqlite::open(VARIABLE, &url(directory.path()), &migrations()).await;
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("was written by a newer version of LogPulse"), "{error}");
}

#[tokio::test]
async fn an_opened_store_moves_its_rows_in_the_background() {
    let (directory, entries) = earlier_store().await;
    let store = super::super::open(&url(directory.path())).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let moved = directory.path().join("store/2026-11-21.db");
    while fs::metadata(directory.path().join("store.db")).unwrap().len() > 200_000 {
        assert!(tokio::time::Instant::now() < deadline, "moved: {}", moved.exists());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let count = store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap();
    assert_eq!(count, entries.len() as u64);
}

/// Asserts that the store knows how many of these entries each day has.
pub(super) async fn assert_counts(store: &SqliteStore, entries: &[LogEntry]) {
    let mut expected = BTreeMap::<Day, u64>::new();
    for entry in entries {
        *expected.entry(Day::of(entry.id)).or_default() += 1;
    }
    let days = store.days().await.unwrap().into_iter();
    assert_eq!(days.map(|one| (one.day, one.entries)).collect::<BTreeMap<_, _>>(), expected);
}

#[tokio::test]
async fn entries_that_are_deleted_while_their_day_is_moved_stay_deleted() {
    let (directory, entries) = earlier_store().await;
    let store = open(&directory).await;
    let (mut kept, mut deleted) = (entries.clone(), Vec::new());
    for _ in 0..6 {
        // Of the first day, some before and some after the last id that has been copied.
        let ids: Vec<EntryId> = [10, 2000, 4000].map(|index: usize| kept[index].id).into();
        assert_eq!(store.delete(&ids).await.unwrap(), 3);
        kept.retain(|entry| !ids.contains(&entry.id));
        deleted.extend(ids);
        let crashed = crashed(&directory);
        let copy = open(&crashed).await;
        finish(&copy).await;
        assert_has_exactly(&copy, &kept, "after a crash").await;
        assert_counts(&copy, &kept).await;
        let found = copy.lookup(&deleted).await.unwrap();
        assert_eq!(found.values().filter(|stored| stored.is_deleted).count(), deleted.len());
        store.move_step().await.unwrap();
    }
    finish(&store).await;
    assert_has_exactly(&store, &kept, "moved").await;
    assert_counts(&store, &kept).await;
    drop(store);
    let store = open(&directory).await;
    assert_counts(&store, &kept).await;
    let again = entries.into_iter().filter(|entry| deleted.contains(&entry.id));
    let refused = store.insert(&again.collect::<Vec<_>>()).await.unwrap();
    assert!(refused.iter().all(|one| one.reason == crate::error::Refusal::Deleted));
    assert_eq!(refused.len(), deleted.len());
}

#[tokio::test]
async fn a_day_whose_last_entries_are_deleted_is_moved() {
    let (directory, mut kept) = earlier_store().await;
    let store = open(&directory).await;
    let last_day: Vec<EntryId> = kept[4510..].iter().map(|entry| entry.id).collect();
    store.delete(&last_day).await.unwrap();
    kept.truncate(4510);
    drop(store);
    let store = open(&directory).await;
    finish(&store).await;
    assert_has_exactly(&store, &kept, "moved").await;
    let found = store.lookup(&last_day).await.unwrap();
    assert_eq!(found.values().filter(|stored| stored.is_deleted).count(), 700);
}

#[tokio::test]
async fn the_file_of_a_day_without_the_column_is_upgraded() {
    let (store, directory) = new_store().await;
    let entries = of_day("2026-11-20", 0, 3);
    store.insert(&entries).await.unwrap();
    change(&store, &entries[0], "ALTER TABLE log_entries DROP COLUMN deleted").await;
    drop(store);
    let store = open(&directory).await;
    assert_eq!(store.delete(&[entries[1].id]).await.unwrap(), 1);
    assert!(scan_all(&store, &Class::DEFAULT).await == [entries[0].clone(), entries[2].clone()]);
}
