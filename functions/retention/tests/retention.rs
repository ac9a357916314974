//! Drops days from an embedded store and index.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use retention::Keeper;
use shared::error::Refusal;
use shared::index::{self, Index};
use shared::log_entry::Day;
use shared::retention::{Class, Part, Retention};
use shared::store::{self, Store};
use shared::testing::EntryBuilder;
use shared::{Arrival, LogEntry, Timestamp, TraceParent};
use tempfile::TempDir;

const SETTING: &str = "5d; level:debug=2d; service_name:audit=forever";

struct Data {
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
    directory: TempDir,
}

impl Data {
    async fn open() -> Self {
        Self::open_in(tempfile::tempdir().unwrap()).await
    }

    async fn open_in(directory: TempDir) -> Self {
        let url = |scheme: &str, name: &str| {
            format!("{scheme}://{}/{name}", directory.path().display()).parse().unwrap()
        };
        let store = store::open(&url("sqlite", "store.db")).await.unwrap();
        let index = index::open(&url("tantivy", "index")).await.unwrap();
        Self { store, index, directory }
    }

    fn keeper(&self, setting: &str) -> Keeper {
        Keeper::new(self.store.clone(), self.index.clone(), Some(setting.parse().unwrap()))
    }

    async fn add(&self, entries: &[LogEntry]) {
        assert_eq!(self.store.insert(entries).await.unwrap(), []);
        assert_eq!(self.index.add(entries).await.unwrap(), []);
    }

    /// The parts in the store, which must be those in the index.
    async fn parts(&self) -> BTreeSet<Part> {
        let mut indexed = BTreeSet::new();
        for class in self.store.classes().await.unwrap() {
            let days = self.index.days(&class).await.unwrap();
            indexed.extend(days.into_iter().map(|day| Part { day, class: class.clone() }));
        }
        let stored = self.store.days().await.unwrap().into_iter();
        let stored = stored.map(|day| Part { day: day.day, class: day.class }).collect();
        assert_eq!(indexed, stored);
        stored
    }
}

fn day(number: u32) -> Day {
    format!("2024-06-{number:02}").parse().unwrap()
}

/// Entries that arrived on the day: an ordinary one, a debug one and one of the service `audit`.
fn entries(day: Day, retention: &Retention) -> Vec<LogEntry> {
    let noon = Timestamp::from_micros(day.start().as_micros() + Timestamp::MICROS_PER_DAY / 2);
    let arrival = Arrival::new(noon.unwrap());
    let new = |level, service, position| {
        // Hardly compresses, so that entries take much more space than empty files.
        let message: String = (0..20).map(|_| TraceParent::start().to_string()).collect();
        let entry = EntryBuilder::new(message).arrival(&arrival, position);
        let entry = entry.level(level).service(service).build();
        LogEntry { retention: retention.class(&entry), ..entry }
    };
    vec![new("info", "shop", 0), new("debug", "shop", 1), new("info", "audit", 2)]
}

fn size(path: &Path) -> u64 {
    let items = fs::read_dir(path).unwrap().map(|item| item.unwrap());
    let sizes = items.map(|item| match item.metadata().unwrap() {
        metadata if metadata.is_dir() => size(&item.path()),
        metadata => metadata.len(),
    });
    sizes.sum()
}

#[tokio::test]
async fn each_class_is_kept_as_long_as_it_should_be_to_the_day() {
    let data = Data::open().await;
    let retention: Retention = SETTING.parse().unwrap();
    let keeper = data.keeper(SETTING);
    let [debug, audit] =
        ["level:debug", "service_name:audit"].map(|rule| Class::new(rule).unwrap());
    for today in 1..=12 {
        data.add(&entries(day(today), &retention)).await;
        for _ in 0..2 {
            keeper.run_once(day(today)).await.unwrap();
        }
        let parts = |class: &Class, days: u32| {
            let class = class.clone();
            let first = today.saturating_sub(days).max(1);
            (first..=today).map(move |number| Part { day: day(number), class: class.clone() })
        };
        let kept = parts(&Class::DEFAULT, 5).chain(parts(&debug, 2)).chain(parts(&audit, 99));
        assert_eq!(data.parts().await, kept.collect(), "day {today}");
    }
}

#[tokio::test]
async fn entries_of_a_dropped_day_do_not_come_back() {
    let data = Data::open().await;
    let retention: Retention = SETTING.parse().unwrap();
    let old = entries(day(1), &retention);
    data.add(&old).await;
    data.keeper(SETTING).run_once(day(10)).await.unwrap();
    let refused = data.store.insert(&old).await.unwrap();
    let refused: Vec<_> = refused.into_iter().map(|one| (one.index, one.reason)).collect();
    assert_eq!(refused, [(0, Refusal::Expired), (1, Refusal::Expired)]);
    // Nor with a longer duration, because the day would not be complete.
    data.keeper("365d").run_once(day(10)).await.unwrap();
    assert_eq!(data.store.insert(&old).await.unwrap().len(), 2);
    assert!(data.store.get(old[0].id).await.unwrap().is_none());
    assert!(data.store.get(old[2].id).await.unwrap().is_some());
}

#[tokio::test]
async fn an_interrupted_drop_is_completed_by_the_next_run() {
    let data = Data::open().await;
    data.add(&entries(day(1), &"5d".parse().unwrap())).await;
    let folder = data.directory.path().join("store");
    let saved = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        for file in fs::read_dir(from).unwrap().map(|file| file.unwrap()) {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    };
    copy(&folder, saved.path());
    data.keeper("5d").run_once(day(10)).await.unwrap();
    assert!(!folder.join("2024-06-01.db").exists());
    let Data { store, index, directory } = data;
    drop((store, index));

    // As if the process had been killed before it removed the file.
    copy(saved.path(), &folder);
    let data = Data::open_in(directory).await;
    data.keeper("5d").run_once(day(10)).await.unwrap();
    assert!(!folder.join("2024-06-01.db").exists());
    assert!(data.parts().await.is_empty());
}

#[tokio::test]
async fn a_class_without_a_rule_is_kept() {
    let data = Data::open().await;
    data.add(&entries(day(1), &SETTING.parse().unwrap())).await;
    data.keeper("1d").run_once(day(10)).await.unwrap();
    assert_eq!(data.parts().await.len(), 2);
    data.keeper("1d; level:debug=1d; service_name:audit=1d").run_once(day(10)).await.unwrap();
    assert!(data.parts().await.is_empty());
}

#[tokio::test]
async fn the_space_of_a_dropped_day_is_free_at_once() {
    let data = Data::open().await;
    let retention: Retention = "30d".parse().unwrap();
    let mut sizes = Vec::new();
    for number in 1..=2 {
        let many: Vec<LogEntry> = (0..300).flat_map(|_| entries(day(number), &retention)).collect();
        data.add(&many).await;
        sizes.push(size(data.directory.path()));
    }
    data.keeper("1d").run_once(day(3)).await.unwrap();
    let rest = size(data.directory.path());
    assert!(rest < sizes[0] * 3 / 2, "{sizes:?}, then {rest}");
}
