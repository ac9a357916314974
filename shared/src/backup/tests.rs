use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::Connection;
use tempfile::TempDir;
use url::Url;

use super::directory::BackupDirectory;
use super::*;
use crate::log_entry::{Arrival, Day, LogEntry};
use crate::queue::{self, DeadLetter, Position, Queue, Record};
use crate::retention::{Class, Part};
use crate::sqlite;
use crate::store::{self, IdRange, Store};
use crate::testing::EntryBuilder;
use crate::{EntryId, Timestamp};

/// A data directory, a directory for its backup, and one to restore it in.
struct Directories {
    root: TempDir,
}

impl Directories {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn backup(&self) -> PathBuf {
        self.root.path().join("backups/daily")
    }

    fn restored(&self) -> PathBuf {
        self.root.path().join("restored")
    }

    async fn back_up(&self) -> BackedUp {
        back_up(&self.data(), &self.backup()).await.unwrap()
    }

    async fn back_up_error(&self) -> String {
        format!("{:#}", back_up(&self.data(), &self.backup()).await.unwrap_err())
    }

    fn restore(&self) -> anyhow::Result<Tally> {
        Restore::open(&self.backup())?.run(&self.restored())
    }

    fn restore_error(&self) -> String {
        format!("{:#}", self.restore().unwrap_err())
    }

    /// The paths of the copies.
    fn copies(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.backup().join("files")).unwrap();
        let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        paths.sort_unstable();
        paths
    }
}

/// An open data directory.
struct Data {
    queue: Queue,
    store: Arc<dyn Store>,
}

impl Data {
    async fn open(directory: &Path) -> Self {
        let url =
            |name| -> Url { format!("sqlite://{}/{name}", directory.display()).parse().unwrap() };
        Self {
            store: store::open(&url("store.db")).await.unwrap(),
            queue: queue::open(&url("queue.db")).await.unwrap(),
        }
    }

    async fn entries(&self) -> Vec<LogEntry> {
        let mut found = Vec::new();
        for class in self.store.classes().await.unwrap() {
            let page = self.store.scan(&class, IdRange::ALL, 10_000).await.unwrap();
            found.extend(page.entries);
        }
        found
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Entries of the class that arrived on the day.
fn of_day(text: &str, class: &Class, count: u32) -> Vec<LogEntry> {
    let arrival = Arrival::new(day(text).start());
    let entry = |number| LogEntry {
        retention: class.clone(),
        ..EntryBuilder::new(format!("{text} {number}")).arrival(&arrival, number).build()
    };
    (0..count).map(entry).collect()
}

/// Lets all files look as if they had been modified a minute ago.
fn age(directory: &Path) {
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            age(&path);
        } else {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_mins(1)).unwrap();
        }
    }
}

/// A data directory with four days of two classes, a record and a dead letter.
async fn filled(directory: &Path) -> (Data, Vec<LogEntry>) {
    let data = Data::open(directory).await;
    let debug = Class::new("level:debug").unwrap();
    let entries = [
        of_day("2026-11-20", &Class::DEFAULT, 300),
        of_day("2026-11-20", &debug, 20),
        of_day("2026-11-21", &Class::DEFAULT, 10),
        of_day("2026-11-22", &Class::DEFAULT, 10),
    ]
    .concat();
    assert_eq!(data.store.insert(&entries).await.unwrap(), []);
    data.queue.producer.publish(vec![Record::from_bytes("a record".into())]).await.unwrap();
    data.queue.dead_letters.write(&[dead_letter()]).await.unwrap();
    (data, entries)
}

fn dead_letter() -> DeadLetter {
    DeadLetter {
        line: b"line".into(),
        reason: "invalid".to_owned(),
        source: Position { partition: 0, offset: 1 },
        time: Timestamp::default(),
    }
}

fn sorted(mut entries: Vec<LogEntry>) -> Vec<LogEntry> {
    entries.sort_by_key(|entry| entry.id);
    entries
}

#[tokio::test]
async fn a_backup_of_an_open_data_directory_is_restored() {
    let directories = Directories::new();
    let (_data, entries) = filled(&directories.data()).await;
    let done = directories.back_up().await;
    assert_eq!((done.copied.files, done.unchanged, done.removed), (6, Tally::default(), 0));
    assert_eq!(directories.restore().unwrap(), done.copied);
    let restored = Data::open(&directories.restored()).await;
    assert_eq!(sorted(restored.entries().await), sorted(entries));
    assert_eq!(restored.queue.dead_letters.list(0, 10).await.unwrap(), [(1, dead_letter())]);
    let batch = restored.queue.consumer.poll().await.unwrap();
    assert_eq!(batch.bytes(), "a record".len());
}

#[tokio::test]
async fn only_days_that_have_changed_are_copied_again() {
    let directories = Directories::new();
    let (data, mut entries) = filled(&directories.data()).await;
    age(&directories.data());
    let first = directories.back_up().await;
    let unchanged = directories.back_up().await;
    assert_eq!((unchanged.copied.files, unchanged.unchanged.files), (1, 5), "only the queue");
    assert_eq!(unchanged.removed, 0, "the copy of the queue has the same content");

    let late = of_day("2026-11-21", &Class::DEFAULT, 11).split_off(10);
    data.store.insert(&late).await.unwrap();
    entries.extend(late);
    data.store.drop_before(&Class::DEFAULT, day("2026-11-21")).await.unwrap();
    entries
        .retain(|entry| !entry.retention.is_default() || Part::of(entry).day >= day("2026-11-21"));
    let second = directories.back_up().await;
    assert_eq!((second.copied.files, second.unchanged.files), (3, 2), "queue, catalogue, a day");
    assert_eq!(second.removed, 3, "the catalogue, the changed day and the dropped one");
    assert!(second.copied.bytes < first.copied.bytes);
    directories.restore().unwrap();
    let restored = Data::open(&directories.restored()).await;
    assert_eq!(sorted(restored.entries().await), sorted(entries));
    assert_eq!(restored.store.first_days().await.unwrap()[&Class::DEFAULT], day("2026-11-21"));
}

#[tokio::test]
async fn a_file_that_has_just_changed_is_copied_again() {
    let directories = Directories::new();
    let (_data, _) = filled(&directories.data()).await;
    directories.back_up().await;
    assert_eq!(directories.back_up().await.copied.files, 6);
}

#[tokio::test]
async fn an_interrupted_backup_leaves_the_previous_one() {
    let directories = Directories::new();
    let (data, entries) = filled(&directories.data()).await;
    directories.back_up().await;
    let complete = directories.copies();
    let files = directories.backup().join("files");
    data.store.insert(&of_day("2026-11-23", &Class::DEFAULT, 5)).await.unwrap();
    for name in ["copying.tmp", "copying.tmp-journal", "2026-11-20.0123456789abcdef.db"] {
        fs::write(files.join(name), "half").unwrap();
    }
    directories.restore().unwrap();
    let restored = Data::open(&directories.restored()).await;
    assert_eq!(sorted(restored.entries().await), sorted(entries));
    let done = directories.back_up().await;
    assert_eq!(directories.copies().len(), done.copied.files);
    assert_eq!(done.copied.files, complete.len() + 1);
}

#[tokio::test]
async fn a_damaged_backup_is_refused_before_anything_is_written() {
    let directories = Directories::new();
    let (_data, _) = filled(&directories.data()).await;
    directories.back_up().await;
    for path in directories.copies() {
        let content = fs::read(&path).unwrap();
        let mut damaged = content.clone();
        damaged[content.len() / 2] ^= 1;
        for damaged in [&damaged, &content[1..]] {
            fs::write(&path, damaged).unwrap();
            let error = directories.restore_error();
            let expected = format!("{} is damaged", path.display());
            assert!(error.contains(&expected), "{error}");
        }
        fs::remove_file(&path).unwrap();
        let error = directories.restore_error();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        fs::write(&path, content).unwrap();
    }
    let manifest = directories.backup().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("store/2026-11-21.db", "store/2026-11-24.db")).unwrap();
    for error in [directories.restore_error(), directories.back_up_error().await] {
        assert!(error.contains("the manifest is damaged"), "{error}");
    }
    fs::remove_file(&manifest).unwrap();
    let error = directories.restore_error();
    assert!(error.contains("no complete backup"), "{error}");
    assert!(!directories.restored().exists());
}

#[tokio::test]
async fn a_copy_that_is_missing_is_made_again() {
    let directories = Directories::new();
    let (_data, _) = filled(&directories.data()).await;
    age(&directories.data());
    directories.back_up().await;
    let copies = directories.copies();
    fs::remove_file(&copies[0]).unwrap();
    directories.back_up().await;
    assert_eq!(directories.copies(), copies);
    directories.restore().unwrap();
}

#[tokio::test]
async fn two_backups_do_not_use_a_directory_at_the_same_time() {
    let directories = Directories::new();
    let (_data, _) = filled(&directories.data()).await;
    directories.back_up().await;
    let first = BackupDirectory::create(&directories.backup()).unwrap();
    for error in [directories.back_up_error().await, directories.restore_error()] {
        assert!(error.contains("another process uses the backup"), "{error}");
    }
    drop(first);
    directories.back_up().await;
}

#[tokio::test]
async fn a_backup_is_only_written_to_a_directory_of_its_own() {
    let directories = Directories::new();
    let (_data, _) = filled(&directories.data()).await;
    let inside = directories.data().join("store/backup");
    for inside in [directories.data(), inside] {
        let error = back_up(&directories.data(), &inside).await.unwrap_err().to_string();
        assert!(error.contains("is in DATA_DIR"), "{error}");
    }
    let error = back_up(&directories.data(), directories.root.path()).await.unwrap_err();
    assert!(error.to_string().contains("has other files"), "{error}");
    directories.back_up().await;
    let other = directories.root.path().join("other");
    filled(&other).await;
    let create_again = "UPDATE _sqlx_migrations SET installed_on = '2026-11-01 00:00:00'";
    let mut connection = crate::sqlite::connect(&other.join("queue.db")).await.unwrap();
    sqlx::raw_sql(create_again).execute(&mut connection).await.unwrap();
    let error = back_up(&other, &directories.backup()).await.unwrap_err().to_string();
    assert!(error.contains("the backup of another data directory"), "{error}");
}

#[tokio::test]
async fn a_backup_is_only_restored_in_an_empty_directory() {
    let directories = Directories::new();
    let (_data, entries) = filled(&directories.data()).await;
    directories.back_up().await;
    let restored = directories.restored();
    fs::create_dir_all(restored.join("lost+found")).unwrap();
    fs::write(restored.join("lock"), "").unwrap();
    fs::write(restored.join("other"), "").unwrap();
    let error = directories.restore_error();
    assert!(error.contains("(DATA_DIR) is not empty"), "{error}");
    fs::remove_file(restored.join("other")).unwrap();
    directories.restore().unwrap();
    require_complete(&restored).unwrap();
    assert!(directories.restore_error().contains("is not empty"));

    // An interrupted restore is noticed, and can be repeated.
    fs::write(restored.join("restore.incomplete"), "").unwrap();
    fs::write(restored.join("store/2026-11-24.db"), "half").unwrap();
    let error = require_complete(&restored).unwrap_err().to_string();
    assert!(error.contains("run `logpulse restore` again"), "{error}");
    directories.restore().unwrap();
    require_complete(&restored).unwrap();
    let restored = Data::open(&restored).await;
    assert_eq!(sorted(restored.entries().await), sorted(entries));
}

#[tokio::test]
async fn a_backup_leaves_the_files_of_a_closed_data_directory_as_they_were() {
    let directories = Directories::new();
    let (data, _) = filled(&directories.data()).await;
    drop(data);
    for name in ["queue.db", "store.db"] {
        let (file, log) = (directories.data().join(name), format!("{name}-wal"));
        let started = std::time::Instant::now();
        while directories.data().join(&log).exists() {
            assert!(started.elapsed() < Duration::from_secs(20), "the files are still open");
            tokio::time::sleep(Duration::from_millis(10)).await;
            // Connections that are closed at the same time leave the log to the next one.
            sqlite::connect(&file).await.unwrap().close().await.unwrap();
        }
    }
    let files = || {
        let directories = [directories.data(), directories.data().join("store")];
        let files = directories.into_iter().flat_map(|path| fs::read_dir(path).unwrap());
        let mut files: Vec<_> = files
            .map(|file| file.unwrap())
            .map(|file| (file.path(), file.metadata().unwrap().modified().unwrap()))
            .filter(|(path, _)| path.is_file())
            .collect();
        files.sort();
        files
    };
    let before = files();
    directories.back_up().await;
    assert_eq!(files(), before);
}

/// What `get` finds is what `scan` finds.
#[tokio::test]
async fn restored_entries_are_found_by_id() {
    let directories = Directories::new();
    let (_data, entries) = filled(&directories.data()).await;
    directories.back_up().await;
    directories.restore().unwrap();
    let restored = Data::open(&directories.restored()).await;
    for entry in entries.iter().step_by(7) {
        assert_eq!(restored.store.get(entry.id).await.unwrap().as_ref(), Some(entry));
    }
    assert_eq!(restored.store.get(EntryId::FIRST).await.unwrap(), None);
}
