//! The files of days.

use std::fs;

use super::*;
use crate::error::Refusal;

/// The names of the files in the store's directory, without those that SQLite adds.
fn file_names(directory: &TempDir) -> Vec<String> {
    let files = fs::read_dir(directory.path().join("store")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm")).collect();
    names.sort();
    names
}

/// The size of everything in the store's directory.
fn disk_space(directory: &TempDir) -> u64 {
    let files = fs::read_dir(directory.path().join("store")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

fn with_class(entries: Vec<LogEntry>, class: &Class) -> Vec<LogEntry> {
    let with_class = |entry| LogEntry { retention: class.clone(), ..entry };
    entries.into_iter().map(with_class).collect()
}

#[tokio::test]
async fn each_class_and_day_has_a_file_that_survives_reopening() {
    let (store, directory) = new_store().await;
    let debug = class("level:debug");
    let batch = [
        of_day("2026-11-20", 0, 3),
        with_class(of_day("2026-11-20", 3, 2), &debug),
        of_day("2026-11-21", 0, 1),
    ]
    .concat();
    assert_eq!(store.insert(&batch).await.unwrap(), []);
    let debug_name = format!("2026-11-20.{}.db", debug.storage_name());
    assert_eq!(file_names(&directory), ["2026-11-20.db", &debug_name, "2026-11-21.db"]);
    drop(store);
    let store = open(&directory).await;
    assert_eq!(store.classes().await.unwrap(), [Class::DEFAULT, debug.clone()]);
    for entry in &batch {
        assert_eq!(store.get(entry.id).await.unwrap().as_ref(), Some(entry));
    }
    let mut days = store.days().await.unwrap();
    days.sort_by_key(|size| (size.day, size.class.clone()));
    let counts: Vec<u64> = days.iter().map(|size| size.entries).collect();
    assert_eq!(counts, [3, 2, 1]);
    assert_eq!(days.iter().map(|size| size.bytes).sum::<u64>(), disk_space(&directory));
}

#[tokio::test]
async fn the_number_of_entries_of_a_day_stays_exact() {
    let (store, _directory) = new_store().await;
    let batch = of_day("2026-11-20", 0, 10);
    for (inserted, expected) in [(&batch[..4], 4), (&batch[2..6], 6), (&batch, 10)] {
        store.insert(inserted).await.unwrap();
        assert_eq!(store.days().await.unwrap()[0].entries, expected);
    }
}

#[tokio::test]
async fn files_that_are_not_the_stores_are_left_alone() {
    let (store, directory) = new_store().await;
    store.insert(&of_day("2026-11-20", 0, 1)).await.unwrap();
    drop(store);
    let names = ["2026-11-20.unknown_0123456789.db", "2026-11-31.db", "notes.txt"];
    for name in names {
        fs::write(directory.path().join("store").join(name), "mine").unwrap();
    }
    let store = open(&directory).await;
    store.drop_before(&Class::DEFAULT, day("2027-01-01")).await.unwrap();
    assert_eq!(file_names(&directory), names);
    assert_eq!(store.days().await.unwrap(), []);
}

#[tokio::test]
async fn few_files_stay_open() {
    let (store, _directory) = new_store().await;
    let days: Vec<String> = (1..=30).map(|number| format!("2026-11-{number:02}")).collect();
    let batch: Vec<LogEntry> = days.iter().flat_map(|day| of_day(day, 0, 2)).collect();
    store.insert(&batch).await.unwrap();
    assert_eq!(store.files.open_files(), 16);
    assert_eq!(scan_all(&store, &Class::DEFAULT).await, batch);
    assert_eq!(store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 60);
    assert_eq!(store.files.open_files(), 16);
}

#[tokio::test]
async fn dropping_days_frees_their_space() {
    let (store, directory) = new_store().await;
    let large = |day| -> Vec<LogEntry> {
        let message = "m".repeat(1000);
        let entries = of_day(day, 0, 1000).into_iter();
        entries.map(|entry| LogEntry { message: message.clone(), ..entry }).collect()
    };
    for day in ["2026-11-19", "2026-11-20", "2026-11-21"] {
        store.insert(&large(day)).await.unwrap();
    }
    let before = disk_space(&directory);
    store.drop_before(&Class::DEFAULT, day("2026-11-21")).await.unwrap();
    let after = disk_space(&directory);
    assert!(after < before / 2, "{after} of {before}");
    assert_eq!(file_names(&directory), ["2026-11-21.db"]);
    assert_eq!(store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 1000);
}

#[tokio::test]
async fn a_read_of_a_day_that_is_dropped_finds_nothing() {
    let (store, _directory) = new_store().await;
    let entry = of_day("2026-11-20", 0, 1).remove(0);
    store.insert(std::slice::from_ref(&entry)).await.unwrap();
    let table = store.table(&Part::of(&entry)).await.unwrap().unwrap();
    store.drop_before(&Class::DEFAULT, day("2026-11-21")).await.unwrap();
    assert_eq!(table.file.get(entry.id, &Class::DEFAULT).await.unwrap(), None);
    let mut scan = Scan::new(Class::DEFAULT, IdRange::ALL, 10);
    assert_eq!(table.file.scan(&mut scan).await.unwrap(), Next::Table);
    assert_eq!(scan.into_page(), ScanPage::default());
    assert_eq!(table.file.count(IdRange::ALL.bounds()).await.unwrap(), 0);
}

#[tokio::test]
async fn files_that_an_interrupted_drop_left_are_removed() {
    let (store, directory) = new_store().await;
    let debug = class("level:debug");
    let dropped = with_class(of_day("2026-11-20", 0, 2), &debug);
    store.insert(&dropped).await.unwrap();
    store.insert(&of_day("2026-11-20", 2, 2)).await.unwrap();
    // The process ends before the files are removed.
    store.catalogue.set_first_day(&debug, day("2026-11-21")).await.unwrap();
    assert_eq!(store.get(dropped[0].id).await.unwrap(), None);
    drop(store);
    let store = open(&directory).await;
    assert_eq!(file_names(&directory), ["2026-11-20.db"]);
    let refused = store.insert(&dropped).await.unwrap();
    let expired = |index| Refused { index, reason: Refusal::Expired };
    assert_eq!(refused, [expired(0), expired(1)]);
    assert_eq!(scan_all(&store, &debug).await, []);
}
