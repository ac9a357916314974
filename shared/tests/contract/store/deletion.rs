//! The contract of the store: deleted entries stay deleted.

use std::time::Duration;

use futures_util::FutureExt;
use shared::error::{Refusal, Refused};
use shared::log_entry::Day;
use shared::retention::Class;
use shared::store::{IdRange, Stored};
use shared::{EntryId, LogEntry};
use tokio::time::sleep;

use super::{Fixture, ids, one_a_day, scan, with_message};
use crate::entries::{entries, entry};

contract! {
    adapters: [sqlite,],
    services: [mysql,],
    tests: [
        only_the_deleted_entries_are_gone,
        a_deleted_entry_is_refused_and_the_rest_of_its_batch_is_stored,
        entries_of_all_classes_and_days_are_deleted,
        entries_that_are_inserted_while_they_are_deleted_stay_deleted,
        each_deletion_is_noticed,
        a_deletion_is_noticed_although_its_caller_gives_up,
        a_day_without_entries_is_dropped_with_its_deleted_ids,
        a_day_of_deleted_entries_is_scanned_past,
    ]
}

fn sqlite() -> Fixture {
    super::sqlite()
}

fn mysql() -> Fixture {
    super::mysql()
}

fn refused(index: usize, reason: Refusal) -> Refused {
    Refused { index, reason }
}

async fn only_the_deleted_entries_are_gone(fixture: Fixture) {
    let store = fixture.open().await;
    let batch = entries((0..30).map(|number| format!("number {number}")));
    store.insert(&batch).await.unwrap();
    let is_deleted = |number: usize| number.is_multiple_of(3) || number == 29;
    let numbered = || batch.iter().enumerate();
    let deleted: Vec<EntryId> =
        numbered().filter(|(number, _)| is_deleted(*number)).map(|(_, entry)| entry.id).collect();
    let kept: Vec<LogEntry> = numbered()
        .filter(|(number, _)| !is_deleted(*number))
        .map(|(_, entry)| entry.clone())
        .collect();
    let unknown = entry("unknown").id;
    assert_eq!(store.delete(&[unknown]).await.unwrap(), 0);
    assert!(store.deleted(&Class::DEFAULT, IdRange::ALL, 100).await.unwrap().is_empty());
    assert_eq!(store.delete(&[&deleted[..], &[unknown]].concat()).await.unwrap(), 11);
    assert_eq!(store.delete(&deleted).await.unwrap(), 0);
    let reopened = fixture.open().await;
    for store in [store, reopened] {
        for entry in &batch {
            let found = store.get(entry.id).await.unwrap();
            assert_eq!(found.as_ref(), kept.contains(entry).then_some(entry));
        }
        assert!(scan(&*store, IdRange::ALL, 4).await.concat() == kept);
        assert_eq!(store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 19);
        let last = store.last(&Class::DEFAULT, IdRange::ALL).await.unwrap();
        assert_eq!(last, kept.last().map(|entry| entry.id));
        let all = [&ids(&batch)[..], &[unknown]].concat();
        let found = store.lookup(&all).await.unwrap();
        assert_eq!(found.len(), 30);
        for entry in &batch {
            let expected =
                Stored { class: Class::DEFAULT, is_deleted: deleted.contains(&entry.id) };
            assert_eq!(found[&entry.id], expected);
        }
        let kept_only = IdRange { after: Some(batch[0].id), until: Some(batch[2].id) };
        let middle = IdRange { after: Some(batch[2].id), until: Some(batch[9].id) };
        for (range, limit, expected) in [
            (IdRange::ALL, 100, &deleted[..]),
            (IdRange::ALL, 4, &deleted[..4]),
            (middle, 100, &deleted[1..4]),
            (middle, 2, &deleted[1..3]),
            (kept_only, 100, &[]),
        ] {
            let found = store.deleted(&Class::DEFAULT, range, limit).await.unwrap();
            assert_eq!(found, expected);
        }
    }
}

async fn a_deleted_entry_is_refused_and_the_rest_of_its_batch_is_stored(fixture: Fixture) {
    let store = fixture.open().await;
    let before = entries(vec!["before"; 2500]);
    store.insert(&before).await.unwrap();
    let deleted: Vec<EntryId> = [3, 1200, 2499].map(|index: usize| before[index].id).into();
    store.delete(&deleted).await.unwrap();
    let expected = [3, 1200, 2499].map(|index| refused(index, Refusal::Deleted));
    for _ in 0..3 {
        assert_eq!(store.insert(&before).await.unwrap(), expected);
    }
    let (new, again) = (entry("new"), with_message(&before[3], "again"));
    let mixed = [new.clone(), again, before[4].clone()];
    assert_eq!(store.insert(&mixed).await.unwrap(), [refused(1, Refusal::Deleted)]);
    assert_eq!(store.get(new.id).await.unwrap(), Some(new));
    assert_eq!(store.get(before[3].id).await.unwrap(), None);
    let other = LogEntry { retention: Class::new("a:1").unwrap(), ..before[3].clone() };
    assert_eq!(store.insert(&[other]).await.unwrap(), [refused(0, Refusal::Duplicate)]);
    assert_eq!(store.get(before[3].id).await.unwrap(), None);
    assert_eq!(store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 2498);
}

async fn entries_of_all_classes_and_days_are_deleted(fixture: Fixture) {
    let store = fixture.open().await;
    let class = Class::new("level:debug").unwrap();
    let days = one_a_day(3);
    let others: Vec<LogEntry> = entries(["a", "b", "c"])
        .into_iter()
        .map(|entry| LogEntry { retention: class.clone(), ..entry })
        .collect();
    store.insert(&[&days[..], &others].concat()).await.unwrap();
    let deleted = [ids(&days[..2]), ids(&others[1..])].concat();
    assert_eq!(store.delete(&deleted).await.unwrap(), 4);
    assert!(scan(&*store, IdRange::ALL, 10).await.concat() == days[2..]);
    assert_eq!(store.count(&class, IdRange::ALL).await.unwrap(), 1);
    for (class, limit, expected) in [
        (&Class::DEFAULT, 9, ids(&days[..2])),
        (&Class::DEFAULT, 1, ids(&days[..1])),
        (&class, 9, ids(&others[1..])),
    ] {
        assert_eq!(store.deleted(class, IdRange::ALL, limit).await.unwrap(), expected);
    }
    let found = store.lookup(&[others[1].id]).await.unwrap();
    assert_eq!(found[&others[1].id], Stored { class: class.clone(), is_deleted: true });
    assert_eq!(store.insert(&others[1..2]).await.unwrap(), [refused(0, Refusal::Deleted)]);
}

async fn entries_that_are_inserted_while_they_are_deleted_stay_deleted(fixture: Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    for _ in 0..5 {
        let batch = entries(vec!["m"; 900]);
        one.insert(&batch).await.unwrap();
        let ids = ids(&batch);
        // SQLite has one handle.
        let inserter = if fixture.url.scheme() == "sqlite" { &one } else { &other };
        let insert = async {
            for _ in 0..3 {
                inserter.insert(&batch).await.unwrap();
            }
        };
        let (deleted, ()) = tokio::join!(one.delete(&ids), insert);
        assert_eq!(deleted.unwrap(), 900);
        assert_eq!(one.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 0);
    }
}

async fn each_deletion_is_noticed(fixture: Fixture) {
    let store = fixture.open().await;
    let batch = entries(["a", "b"]);
    let before = store.deletions().await.unwrap();
    store.insert(&batch).await.unwrap();
    assert_eq!(store.deletions().await.unwrap(), before);
    store.delete(&[batch[0].id]).await.unwrap();
    let after = store.deletions().await.unwrap();
    assert_ne!(after, before);
    store.delete(&[batch[1].id]).await.unwrap();
    let later = store.deletions().await.unwrap();
    assert_ne!(later, after);
    store.drop_before(&Class::DEFAULT, Day::of(batch[0].id).next()).await.unwrap();
    assert_ne!(store.deletions().await.unwrap(), later);
}

async fn a_deletion_is_noticed_although_its_caller_gives_up(fixture: Fixture) {
    let store = fixture.open().await;
    let mut deleted = 0;
    for polls in 1..=30 {
        let entry = entry("m");
        store.insert(std::slice::from_ref(&entry)).await.unwrap();
        let before = store.deletions().await.unwrap();
        let ids = [entry.id];
        let mut deletion = store.delete(&ids);
        for _ in 0..polls {
            if (&mut deletion).now_or_never().is_some() {
                break;
            }
            sleep(Duration::from_millis(1)).await;
        }
        drop(deletion);
        // An insert waits for the transaction, if it has not ended.
        store.insert(&entries(["next"])).await.unwrap();
        if store.lookup(&ids).await.unwrap()[&entry.id].is_deleted {
            deleted += 1;
            assert_ne!(store.deletions().await.unwrap(), before, "after {polls} polls");
        }
    }
    assert!(deleted > 0);
}

async fn a_day_without_entries_is_dropped_with_its_deleted_ids(fixture: Fixture) {
    let store = fixture.open().await;
    let days = one_a_day(3);
    store.insert(&days).await.unwrap();
    store.delete(&[days[0].id]).await.unwrap();
    if fixture.url.scheme() == "sqlite" {
        let listed = store.days().await.unwrap();
        let entries = |entry: &LogEntry| {
            let day = Day::of(entry.id);
            listed.iter().find(|size| size.day == day).map(|size| size.entries)
        };
        assert_eq!(days.iter().map(entries).collect::<Vec<_>>(), [Some(0), Some(1), Some(1)]);
    }
    store.drop_before(&Class::DEFAULT, Day::of(days[1].id)).await.unwrap();
    assert!(store.lookup(&[days[0].id]).await.unwrap().is_empty());
    assert_eq!(store.insert(&days[..1]).await.unwrap(), [refused(0, Refusal::Expired)]);
}

async fn a_day_of_deleted_entries_is_scanned_past(fixture: Fixture) {
    let store = fixture.open().await;
    let days = one_a_day(4);
    store.insert(&days).await.unwrap();
    store.delete(&ids(&days[1..3])).await.unwrap();
    let pages = scan(&*store, IdRange::ALL, 1).await;
    assert!(pages.concat() == [days[0].clone(), days[3].clone()]);
    store.delete(&[days[3].id]).await.unwrap();
    let last = store.last(&Class::DEFAULT, IdRange::ALL).await.unwrap();
    assert_eq!(last, Some(days[0].id));
}
