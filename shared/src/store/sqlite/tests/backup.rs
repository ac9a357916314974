//! Backups while the rows of an earlier release are moved to files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::earlier::Step;
use super::earlier::{earlier_store, finish};
use super::*;
use crate::sqlite::snapshot;
use crate::store::sqlite::day_files;

/// The number of steps between the copy of the catalogue and those of the files.
const STEPS_BETWEEN: [usize; 3] = [0, 2, 9];

/// A copy of the catalogue, and the entries that it was made after.
struct Copied {
    catalogue: PathBuf,
    entries: Vec<LogEntry>,
}

/// Restores the copied catalogue with the files that are now in `original`, and returns the entries
/// once all rows have been moved.
async fn restore(copied: &Copied, original: &Path) -> Vec<LogEntry> {
    let restored = tempfile::tempdir().unwrap();
    let catalogue = restored.path().join("store.db");
    fs::copy(&copied.catalogue, &catalogue).unwrap();
    fs::create_dir(restored.path().join("store")).unwrap();
    for file in day_files(&catalogue, &original.join("store.db")).await.unwrap() {
        let target = restored.path().join("store").join(file.file_name().unwrap());
        snapshot::copy(&file, &target).await.unwrap();
    }
    let store = open(&restored).await;
    let before = scan_all(&store, &Class::DEFAULT).await;
    assert_has(&before, copied, "before the move");
    finish(&store).await;
    let after = scan_all(&store, &Class::DEFAULT).await;
    let counted: u64 = store.days().await.unwrap().iter().map(|day| day.entries).sum();
    assert_eq!(counted, after.len() as u64);
    after
}

/// Asserts that no entry is missing or doubled.
fn assert_has(found: &[LogEntry], copied: &Copied, context: &str) {
    let ids: BTreeSet<EntryId> = found.iter().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), found.len(), "{context}: an entry is doubled");
    let missing = copied.entries.iter().filter(|entry| !ids.contains(&entry.id)).count();
    assert_eq!(missing, 0, "{context}: of {}", copied.entries.len());
}

#[tokio::test]
async fn a_backup_during_the_move_has_every_entry_once() {
    let (directory, mut entries) = earlier_store().await;
    let store = open(&directory).await;
    let folder = tempfile::tempdir().unwrap();
    let mut catalogues: Vec<Copied> = Vec::new();
    for number in 0_usize.. {
        let catalogue = folder.path().join(number.to_string());
        snapshot::copy(store.catalogue.path(), &catalogue).await.unwrap();
        catalogues.push(Copied { catalogue, entries: entries.clone() });
        for steps in STEPS_BETWEEN {
            let Some(copied) = number.checked_sub(steps).map(|index| &catalogues[index]) else {
                continue;
            };
            let restored = restore(copied, directory.path()).await;
            assert_has(&restored, copied, &format!("step {number}, {steps} between"));
        }
        for day in ["2026-11-18", "2026-11-20", "2026-11-21"] {
            let new = of_day(day, 20_000 + i64::try_from(number).unwrap(), 1);
            store.insert(&new).await.unwrap();
            entries.extend(new);
        }
        if store.move_step().await.unwrap() == Step::Done {
            return;
        }
    }
}

#[tokio::test]
async fn a_catalogue_of_an_earlier_release_has_no_files_of_days() {
    let (directory, _) = earlier_store().await;
    let path = directory.path().join("store.db");
    assert_eq!(day_files(&path, &path).await.unwrap(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn files_of_dropped_days_and_unknown_classes_are_not_listed() {
    let (store, directory) = new_store().await;
    let path = directory.path().join("store.db");
    let of =
        |day, class: &Class| LogEntry { retention: class.clone(), ..of_day(day, 0, 1).remove(0) };
    let days = ["2026-11-20", "2026-11-21", "2026-11-22"];
    store.insert(&days.map(|day| of(day, &Class::DEFAULT))).await.unwrap();
    store.drop_before(&Class::DEFAULT, day("2026-11-21")).await.unwrap();
    fs::copy(
        directory.path().join("store/2026-11-22.db"),
        directory.path().join("store/2026-11-20.db"),
    )
    .unwrap();
    let copy = directory.path().join("copy");
    snapshot::copy(&path, &copy).await.unwrap();
    store.insert(&[of("2026-11-23", &class("level:debug"))]).await.unwrap();
    let listed = day_files(&copy, &path).await.unwrap();
    let expected = ["2026-11-21.db", "2026-11-22.db"];
    assert_eq!(listed, expected.map(|name| directory.path().join("store").join(name)));
    assert_eq!(day_files(&path, &path).await.unwrap().len(), 3);
}
