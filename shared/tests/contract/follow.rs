//! The contract of following the queue.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::queue::{Followed, Position, Queue, Start};
use shared::testing::entry;
use shared::{EntryId, LogEntry, Timestamp};
use tokio::time::timeout;

use crate::queue::{FreshQueue, kafka, publish, sqlite};

contract! {
    adapters: [sqlite,],
    services: [kafka,],
    tests: [
        records_published_from_now_on_are_read,
        committed_records_are_read_too,
        all_followers_read_the_same_records,
        reading_resumes_after_the_offsets_without_gaps_or_repetition,
        records_published_since_a_time_are_read,
        consumers_are_not_affected,
        a_cancelled_read_loses_no_records,
        committed_records_are_read_after_a_restart,
    ]
}

/// Long enough for any record to be read.
const DEADLINE: Duration = Duration::from_secs(20);

/// Long enough to conclude that there are no more records.
const SILENCE: Duration = Duration::from_millis(700);

fn many(count: usize) -> Vec<LogEntry> {
    (0..count).map(|n| entry(format!("number {n}"))).collect()
}

/// Reads until this number of entries has been read.
async fn read(followed: &mut Followed, count: usize) -> Vec<(Position, LogEntry)> {
    let mut found = Vec::new();
    while found.len() < count {
        let records = timeout(DEADLINE, followed.next()).await.unwrap().unwrap();
        for (position, record) in &records {
            // An adapter may join the records of a request.
            for line in record.as_bytes().split(|byte| *byte == b'\n') {
                found.push((*position, LogEntry::from_json(line).unwrap()));
            }
        }
    }
    found
}

fn ids<'e>(found: impl IntoIterator<Item = &'e LogEntry>) -> BTreeSet<EntryId> {
    found.into_iter().map(|entry| entry.id).collect()
}

/// Reads these entries, each of them once, and nothing else.
async fn assert_reads(followed: &mut Followed, expected: &[LogEntry]) {
    let found = read(followed, expected.len()).await;
    assert_eq!(found.len(), expected.len());
    assert_eq!(ids(found.iter().map(|(_, entry)| entry)), ids(expected));
    assert!(timeout(SILENCE, followed.next()).await.is_err(), "there are more records");
}

async fn follow(queue: &Queue, start: Start) -> Followed {
    queue.follower.follow(start).await.unwrap()
}

async fn records_published_from_now_on_are_read(fresh: FreshQueue) {
    let queue = fresh.open().await;
    publish(&queue, &many(3)).await;
    let mut followed = follow(&queue, Start::Now).await;
    let later = many(100);
    for part in later.chunks(7) {
        publish(&queue, part).await;
    }
    assert_reads(&mut followed, &later).await;
}

async fn committed_records_are_read_too(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let mut followed = follow(&queue, Start::Now).await;
    let start = Timestamp::now();
    let published = many(5);
    publish(&queue, &published).await;
    commit(&queue, 5).await;
    assert_reads(&mut followed, &published).await;
    let mut followed = follow(&queue, Start::At(start)).await;
    assert_reads(&mut followed, &published).await;
}

/// Polls and commits this number of entries.
async fn commit(queue: &Queue, count: usize) {
    let mut polled = 0;
    while polled < count {
        let batch = timeout(DEADLINE, queue.consumer.poll()).await.unwrap().unwrap();
        polled += batch.entries().len();
        queue.consumer.commit(batch).await.unwrap();
    }
}

async fn committed_records_are_read_after_a_restart(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let offsets = follow(&queue, Start::Now).await.starts;
    let offsets = offsets.into_iter().map(|(partition, start)| (partition, start - 1)).collect();
    let committed = many(5);
    publish(&queue, &committed).await;
    commit(&queue, 5).await;
    drop(queue);

    let queue = fresh.open().await;
    let later = many(2);
    publish(&queue, &later).await;
    let mut followed = follow(&queue, Start::After(offsets)).await;
    assert_reads(&mut followed, &[committed, later.clone()].concat()).await;
    let batch = timeout(DEADLINE, queue.consumer.poll()).await.unwrap().unwrap();
    let polled = ids(batch.entries());
    assert!(!polled.is_empty() && polled.is_subset(&ids(&later)), "committed records were polled");
}

async fn all_followers_read_the_same_records(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let mut followers = Vec::new();
    for _ in 0..3 {
        followers.push(follow(&queue, Start::Now).await);
    }
    let published = many(20);
    publish(&queue, &published).await;
    for followed in &mut followers {
        assert_reads(followed, &published).await;
    }
}

async fn reading_resumes_after_the_offsets_without_gaps_or_repetition(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let mut followed = follow(&queue, Start::Now).await;
    let mut offsets: BTreeMap<i32, i64> =
        followed.starts.iter().map(|(partition, start)| (*partition, start - 1)).collect();
    let first = many(30);
    for part in first.chunks(7) {
        publish(&queue, part).await;
    }
    let found = read(&mut followed, 10).await;
    offsets.extend(found.iter().map(|(position, _)| (position.partition, position.offset)));
    drop(followed);
    let second = many(30);
    publish(&queue, &second).await;

    let read_before = ids(found.iter().map(|(_, entry)| entry));
    let missed = first.into_iter().filter(|entry| !read_before.contains(&entry.id));
    let missed: Vec<LogEntry> = missed.chain(second).collect();
    let mut followed = follow(&queue, Start::After(offsets)).await;
    assert_reads(&mut followed, &missed).await;
}

async fn records_published_since_a_time_are_read(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let start = Timestamp::now();
    let published = many(3);
    publish(&queue, &published).await;
    let mut followed = follow(&queue, Start::At(start)).await;
    let later = many(2);
    publish(&queue, &later).await;
    assert_reads(&mut followed, &[published, later].concat()).await;
}

async fn consumers_are_not_affected(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let mut followed = follow(&queue, Start::Now).await;
    let published = [entry("a"), entry("b")];
    publish(&queue, &published).await;
    assert_reads(&mut followed, &published).await;
    let batch = timeout(DEADLINE, queue.consumer.poll()).await.unwrap().unwrap();
    assert!(!batch.entries().is_empty());
}

async fn a_cancelled_read_loses_no_records(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let mut followed = follow(&queue, Start::Now).await;
    for _ in 0..20 {
        assert!(timeout(Duration::from_millis(1), followed.next()).await.is_err());
    }
    let published = many(20);
    publish(&queue, &published).await;
    assert_reads(&mut followed, &published).await;
}
