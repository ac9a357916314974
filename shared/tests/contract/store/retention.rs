//! The contract of the store: classes and days, which can be dropped.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use shared::error::{Refusal, Refused};
use shared::log_entry::Day;
use shared::retention::{Class, Keep};
use shared::store::{IdRange, ScanPage, Store};
use shared::testing::EntryBuilder;
use shared::{Arrival, LogEntry, Timestamp};

use super::{Fixture, scan, scan_class, with_message};
use crate::entries::{entries, entry};

contract! {
    adapters: [sqlite,],
    services: [mysql,],
    tests: [
        new_data_is_kept_for_thirty_days_by_default,
        classes_are_kept_apart,
        the_first_write_wins_across_classes,
        the_first_write_wins_across_classes_within_a_batch,
        dropped_days_are_gone_and_stay_gone,
        days_are_dropped_before_a_class_has_entries,
        each_class_and_day_is_listed_until_it_is_dropped,
    ]
}

fn sqlite() -> Fixture {
    super::sqlite()
}

fn mysql() -> Fixture {
    super::mysql()
}

fn class(condition: &str) -> Class {
    Class::new(condition).unwrap()
}

fn with_class(entry: &LogEntry, class: &Class) -> LogEntry {
    LogEntry { retention: class.clone(), ..entry.clone() }
}

/// Entries of the class that arrived four, three, two days ago and yesterday, two each.
fn recent(class: &Class) -> Vec<LogEntry> {
    let now = Timestamp::now().as_micros();
    let arrival = |days: i64| {
        Arrival::new(Timestamp::from_micros(now - days * Timestamp::MICROS_PER_DAY).unwrap())
    };
    let entry = |days, position| {
        EntryBuilder::new(format!("{days} days ago")).arrival(&arrival(days), position).build()
    };
    let days = (1..=4).rev().flat_map(|days| [entry(days, 0), entry(days, 1)]);
    let mut entries: Vec<LogEntry> = days.map(|entry| with_class(&entry, class)).collect();
    entries.sort_by_key(|entry| entry.id);
    entries
}

fn refused(index: usize, reason: Refusal) -> Refused {
    Refused { index, reason }
}

async fn new_data_is_kept_for_thirty_days_by_default(fixture: Fixture) {
    for _ in 0..2 {
        let store = fixture.open().await;
        assert_eq!(store.default_keep().await.unwrap(), Keep::Days(30));
        store.insert(&[entry("m")]).await.unwrap();
    }
}

async fn classes_are_kept_apart(fixture: Fixture) {
    let store = fixture.open().await;
    assert_eq!(store.classes().await.unwrap(), [Class::DEFAULT]);
    let classes = [Class::DEFAULT, class("level:debug"), class(r#"message:"ä b""#)];
    let batch = entries((0..90).map(|number| format!("number {number}")));
    let of_class = |number: usize| {
        let entries = batch.iter().skip(number).step_by(3);
        entries.map(|entry| with_class(entry, &classes[number])).collect::<Vec<_>>()
    };
    let mixed: Vec<LogEntry> = (0..3).flat_map(of_class).collect();
    for part in mixed.chunks(50) {
        assert_eq!(store.insert(part).await.unwrap(), []);
    }
    drop(store);
    let store = fixture.open().await;
    assert_eq!(store.classes().await.unwrap()[0], Class::DEFAULT);
    for (number, class) in classes.iter().enumerate() {
        assert!(store.classes().await.unwrap().contains(class));
        let expected = of_class(number);
        let found = scan_class(&*store, class, IdRange::ALL, 7).await.concat();
        assert!(found == expected, "{class}");
        let until = IdRange { after: None, until: Some(expected[9].id) };
        assert_eq!(store.count(class, until).await.unwrap(), 10, "{class}");
        assert_eq!(store.last(class, until).await.unwrap(), Some(expected[9].id), "{class}");
        for entry in &expected {
            assert_eq!(store.get(entry.id).await.unwrap().as_ref(), Some(entry));
        }
    }
    assert_eq!(store.scan(&class("unknown"), IdRange::ALL, 10).await.unwrap(), ScanPage::default());
    assert_eq!(store.last(&class("unknown"), IdRange::ALL).await.unwrap(), None);
}

async fn the_first_write_wins_across_classes(fixture: Fixture) {
    let store = fixture.open().await;
    let (one, other) = (class("a:1"), class("b:1"));
    let first = with_class(&entry("first"), &one);
    store.insert(std::slice::from_ref(&first)).await.unwrap();
    let later = with_message(&first, "later");
    let batch = [
        with_class(&later, &Class::DEFAULT),
        entry("new"),
        with_class(&later, &other),
        // As after a crash: it is stored, in its own class.
        first.clone(),
    ];
    let expected = [refused(0, Refusal::Duplicate), refused(2, Refusal::Duplicate)];
    for _ in 0..2 {
        assert_eq!(store.insert(&batch).await.unwrap(), expected);
        assert_eq!(store.get(first.id).await.unwrap().as_ref(), Some(&first));
    }
    assert_eq!(store.get(batch[1].id).await.unwrap().as_ref(), Some(&batch[1]));
    assert_eq!(store.count(&one, IdRange::ALL).await.unwrap(), 1);
    assert_eq!(store.count(&other, IdRange::ALL).await.unwrap(), 0);
}

async fn the_first_write_wins_across_classes_within_a_batch(fixture: Fixture) {
    let store = fixture.open().await;
    let (first, second) = (entry("first"), entry("second"));
    let other = class("a:1");
    let batch = [
        with_class(&first, &other),
        second.clone(),
        first.clone(),
        with_class(&second, &other),
        with_class(&first, &other),
    ];
    let expected = [refused(2, Refusal::Duplicate), refused(3, Refusal::Duplicate)];
    for _ in 0..2 {
        assert_eq!(store.insert(&batch).await.unwrap(), expected);
        assert_eq!(store.get(first.id).await.unwrap().as_ref(), Some(&batch[0]));
        assert_eq!(store.get(second.id).await.unwrap().as_ref(), Some(&second));
    }
}

async fn dropped_days_are_gone_and_stay_gone(fixture: Fixture) {
    let debug = class("level:debug");
    let (default, other) = (recent(&Class::DEFAULT), recent(&debug));
    let store = fixture.open().await;
    store.insert(&[&default[..], &other].concat()).await.unwrap();
    let first = Day::of(other[4].id);
    for earlier in [first, first, Day::of(other[0].id)] {
        store.drop_before(&debug, earlier).await.unwrap();
    }
    let reopened = fixture.open().await;
    for store in [store, reopened] {
        assert_eq!(store.first_days().await.unwrap(), [(debug.clone(), first)].into());
        for entry in &other[..4] {
            assert_eq!(store.get(entry.id).await.unwrap(), None);
            assert_eq!(store.dropped(Day::of(entry.id)).await.unwrap(), Some(debug.clone()));
        }
        for day in [first, "2024-06-14".parse().unwrap()] {
            assert_eq!(store.dropped(day).await.unwrap(), None);
        }
        let expected: Vec<Refused> = (0..4).map(|index| refused(index, Refusal::Expired)).collect();
        assert_eq!(store.insert(&other).await.unwrap(), expected);
        assert!(scan_class(&*store, &debug, IdRange::ALL, 10).await.concat() == other[4..]);
        assert_eq!(store.count(&debug, IdRange::ALL).await.unwrap(), 4);
        let before = IdRange { after: None, until: Some(other[3].id) };
        assert_eq!(store.last(&debug, before).await.unwrap(), None);
        assert!(scan(&*store, IdRange::ALL, 3).await.concat() == default);
        drop(store);
    }
    let store = fixture.open().await;
    store.drop_before(&Class::DEFAULT, Day::of(default[6].id)).await.unwrap();
    assert!(scan(&*store, IdRange::ALL, 3).await.concat() == default[6..]);
    assert_eq!(store.dropped(first).await.unwrap(), Some(Class::DEFAULT));
    assert!(scan_class(&*store, &debug, IdRange::ALL, 10).await.concat() == other[4..]);
}

async fn days_are_dropped_before_a_class_has_entries(fixture: Fixture) {
    let store = fixture.open().await;
    let debug = class("level:debug");
    let entries = recent(&debug);
    store.drop_before(&debug, Day::of(entries[6].id)).await.unwrap();
    let expected: Vec<Refused> = (0..6).map(|index| refused(index, Refusal::Expired)).collect();
    assert_eq!(store.insert(&entries).await.unwrap(), expected);
    assert_eq!(store.count(&debug, IdRange::ALL).await.unwrap(), 2);
    assert_eq!(store.dropped(Day::of(entries[0].id)).await.unwrap(), Some(debug));
}

/// Polls until the store lists these classes and days: their sizes may be known later.
async fn wait_for_days(store: &dyn Store, expected: &[LogEntry]) {
    let expected: BTreeSet<(Class, Day)> =
        expected.iter().map(|entry| (entry.retention.clone(), Day::of(entry.id))).collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let days = store.days().await.unwrap();
        let listed: BTreeSet<(Class, Day)> =
            days.iter().map(|size| (size.class.clone(), size.day)).collect();
        assert_eq!(listed.len(), days.len(), "{days:?}");
        if listed == expected && days.iter().all(|size| size.entries > 0 && size.bytes > 0) {
            return;
        }
        assert!(Instant::now() < deadline, "{days:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn each_class_and_day_is_listed_until_it_is_dropped(fixture: Fixture) {
    let store = fixture.open().await;
    let debug = class("level:debug");
    let (default, other) = (recent(&Class::DEFAULT), recent(&debug));
    store.insert(&[&default[2..], &other].concat()).await.unwrap();
    store.prepare(Day::today()).await.unwrap();
    wait_for_days(&*store, &[&default[2..], &other].concat()).await;
    store.drop_before(&debug, Day::of(other[6].id)).await.unwrap();
    let kept = [&default[2..], &other[6..]].concat();
    wait_for_days(&*store, &kept).await;
    drop(store);
    wait_for_days(&*fixture.open().await, &kept).await;
}
