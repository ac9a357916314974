//! The contract of the queue: producer, consumer and dead letters.

use std::collections::BTreeSet;
use std::slice;
use std::time::Duration;

use shared::queue::{self, Batch, DeadLetter, Position, Queue, Record, RecordPacker};
use shared::testing::{entries, entry};
use shared::{EntryId, LogEntry, Timestamp, TraceParent};
use tempfile::TempDir;
use tokio::time::timeout;
use url::Url;

use crate::kafka::FreshTopic;

contract! {
    adapters: [sqlite,],
    services: [kafka,],
    tests: [
        a_published_entry_is_polled_unchanged,
        uncommitted_records_are_polled_again,
        committed_records_are_not_polled_again,
        a_commit_covers_only_polled_records,
        a_record_with_many_entries_is_polled_completely,
        a_record_keeps_its_trace,
        an_unreadable_line_does_not_block_later_entries,
        a_poll_waits_for_entries,
        a_cancelled_poll_loses_no_entries,
        a_cancelled_publish_does_not_affect_the_next,
        concurrent_publishers_all_succeed,
        large_records_are_accepted,
        dead_letters_are_listed_in_write_order,
        dead_letters_are_purged_up_to_a_sequence_number,
        dead_letters_survive_reopening,
        an_opened_queue_is_ready,
    ]
}

/// Long enough for any poll to return.
const DEADLINE: Duration = Duration::from_secs(20);

/// Long enough to conclude that the queue has no more records.
const SILENCE: Duration = Duration::from_millis(700);

/// A queue that no other test uses. It can be reopened, and is deleted after the test.
pub(crate) struct FreshQueue {
    url: Url,
    _storage: Storage,
}

#[expect(dead_code, reason = "held to delete the queue when it is dropped")]
enum Storage {
    Directory(TempDir),
    Topic(FreshTopic),
}

pub(crate) fn sqlite() -> FreshQueue {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/queue.db", directory.path().display());
    FreshQueue { url: url.parse().unwrap(), _storage: Storage::Directory(directory) }
}

pub(crate) fn kafka() -> FreshQueue {
    let topic = FreshTopic::new();
    FreshQueue { url: topic.url(), _storage: Storage::Topic(topic) }
}

impl FreshQueue {
    pub(crate) async fn open(&self) -> Queue {
        queue::open(&self.url).await.unwrap()
    }
}

pub(crate) async fn publish(queue: &Queue, entries: &[LogEntry]) {
    let records = entries.iter().map(Record::of).collect();
    queue.producer.publish(records).await.unwrap();
}

/// Polls until the batch has `count` entries and unreadable lines in total.
async fn poll(queue: &Queue, count: usize) -> Batch {
    let mut batch = Batch::default();
    while batch.entries().len() + batch.unreadable().len() < count {
        let polled = timeout(DEADLINE, queue.consumer.poll()).await;
        batch.append(polled.unwrap().unwrap());
    }
    batch
}

async fn assert_is_empty(queue: &Queue) {
    let polled = timeout(SILENCE, queue.consumer.poll()).await;
    assert!(polled.is_err(), "{polled:?}");
}

fn ids(entries: &[LogEntry]) -> BTreeSet<EntryId> {
    entries.iter().map(|entry| entry.id).collect()
}

async fn a_published_entry_is_polled_unchanged(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let entry = entry("with a \0, a \n and 🦀");
    publish(&queue, slice::from_ref(&entry)).await;
    let batch = poll(&queue, 1).await;
    assert!(batch.bytes() >= entry.to_json().len());
    assert_eq!(batch.entries(), [entry]);
}

async fn uncommitted_records_are_polled_again(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let entries = entries(["a", "b", "c"]);
    publish(&queue, &entries).await;
    assert_eq!(poll(&queue, 3).await.entries().len(), 3);
    drop(queue);
    let batch = poll(&fresh.open().await, 3).await;
    assert_eq!(ids(batch.entries()), ids(&entries));
}

async fn committed_records_are_not_polled_again(fresh: FreshQueue) {
    let queue = fresh.open().await;
    publish(&queue, &entries(["a", "b"])).await;
    let batch = poll(&queue, 2).await;
    queue.consumer.commit(batch).await.unwrap();
    let later = entry("later");
    publish(&queue, slice::from_ref(&later)).await;
    drop(queue);
    let queue = fresh.open().await;
    let batch = poll(&queue, 1).await;
    assert_eq!(ids(batch.entries()), ids(&[later]));
    assert_is_empty(&queue).await;
}

async fn a_commit_covers_only_polled_records(fresh: FreshQueue) {
    let queue = fresh.open().await;
    publish(&queue, &entries(["polled"])).await;
    let batch = poll(&queue, 1).await;
    let later = entry("published before the commit");
    publish(&queue, slice::from_ref(&later)).await;
    queue.consumer.commit(batch).await.unwrap();
    drop(queue);
    let batch = poll(&fresh.open().await, 1).await;
    assert_eq!(ids(batch.entries()), ids(&[later]));
}

async fn a_record_with_many_entries_is_polled_completely(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let entries = entries(vec!["one of many"; 20_000]);
    let mut packer = RecordPacker::default();
    for entry in &entries {
        packer.push(entry, 1024).unwrap();
    }
    queue.producer.publish(packer.finish()).await.unwrap();
    let batch = poll(&queue, entries.len()).await;
    assert_eq!(ids(batch.entries()), ids(&entries));
}

async fn a_record_keeps_its_trace(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let trace = TraceParent::start();
    let records = [Record::of(&entry("a")), Record::of(&entry("b")).traced(trace)];
    queue.producer.publish(records.into()).await.unwrap();
    let polled = poll(&queue, 2).await;
    assert_eq!(polled.traces(), [trace]);
}

async fn an_unreadable_line_does_not_block_later_entries(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let unreadable = Record::from_bytes(b"not json \xff"[..].into());
    queue.producer.publish(vec![unreadable]).await.unwrap();
    let next = entry("next");
    publish(&queue, slice::from_ref(&next)).await;
    let batch = poll(&queue, 2).await;
    assert_eq!(batch.unreadable()[0].line, b"not json \xff");
    assert_eq!(ids(batch.entries()), ids(&[next]));
    queue.consumer.commit(batch).await.unwrap();
    let later = entry("later");
    publish(&queue, slice::from_ref(&later)).await;
    drop(queue);
    // The first poll may have to join a group. Only after it does a timeout prove that the queue is
    // empty.
    let queue = fresh.open().await;
    let batch = poll(&queue, 1).await;
    assert!(batch.unreadable().is_empty());
    assert_eq!(ids(batch.entries()), ids(&[later]));
    assert_is_empty(&queue).await;
}

async fn a_poll_waits_for_entries(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { poll(&queue, 1).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    let entry = entry("at last");
    publish(&queue, slice::from_ref(&entry)).await;
    assert_eq!(ids(waiting.await.unwrap().entries()), ids(&[entry]));
}

async fn a_cancelled_poll_loses_no_entries(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let entries = entries(vec!["m"; 200]);
    let mut polled = Batch::default();
    for (position, entry) in entries.iter().enumerate() {
        publish(&queue, slice::from_ref(entry)).await;
        let cancel_after = Duration::from_micros(position as u64 * 10);
        if let Ok(batch) = timeout(cancel_after, queue.consumer.poll()).await {
            polled.append(batch.unwrap());
        }
    }
    let missing = entries.len() - polled.entries().len();
    polled.append(poll(&queue, missing).await);
    assert_eq!(polled.entries().len(), entries.len());
    assert_eq!(ids(polled.entries()), ids(&entries));
}

async fn a_cancelled_publish_does_not_affect_the_next(fresh: FreshQueue) {
    let queue = fresh.open().await;
    for micros in 0..100 {
        let records = vec![Record::of(&entry("perhaps"))];
        let publish = queue.producer.publish(records);
        let _ = timeout(Duration::from_micros(micros * 10), publish).await;
    }
    let entry = entry("certainly");
    publish(&queue, slice::from_ref(&entry)).await;
    let mut batch = poll(&queue, 1).await;
    while !ids(batch.entries()).contains(&entry.id) {
        batch.append(poll(&queue, 1).await);
    }
}

async fn concurrent_publishers_all_succeed(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let mut publishers = Vec::new();
    for _ in 0..50 {
        let queue = queue.clone();
        publishers.push(tokio::spawn(async move {
            let entries = entries(vec!["m"; 20]);
            let trace = TraceParent::start();
            for entry in &entries {
                let record = Record::of(entry).traced(trace);
                queue.producer.publish(vec![record]).await.unwrap();
            }
            (entries, trace)
        }));
    }
    let mut published = Vec::new();
    let mut traces = BTreeSet::new();
    for publisher in publishers {
        let (entries, trace) = publisher.await.unwrap();
        published.extend(entries);
        traces.insert(trace.to_string());
    }
    let batch = poll(&queue, published.len()).await;
    assert_eq!(batch.entries().len(), published.len());
    assert_eq!(ids(batch.entries()), ids(&published));
    assert_eq!(batch.traces().len(), published.len());
    let polled: BTreeSet<String> = batch.traces().iter().map(ToString::to_string).collect();
    assert_eq!(polled, traces);
}

async fn large_records_are_accepted(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let entries = entries([&*"m".repeat(1024 * 1024), "small", &"n".repeat(900 * 1024)]);
    publish(&queue, &entries).await;
    let batch = poll(&queue, 3).await;
    assert_eq!(ids(batch.entries()), ids(&entries));
}

fn dead_letter(line: &str, offset: i64) -> DeadLetter {
    DeadLetter {
        line: line.into(),
        reason: format!("because of {line}"),
        source: Position { partition: 0, offset },
        time: Timestamp::parse("2024-06-14T12:00:00.123456Z").unwrap(),
    }
}

async fn dead_letters_are_listed_in_write_order(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let dead_letters = [dead_letter("a", 7), dead_letter("b \0", 3), dead_letter("c", 5)];
    queue.dead_letters.write(&dead_letters[..2]).await.unwrap();
    queue.dead_letters.write(&dead_letters[2..]).await.unwrap();
    let first = queue.dead_letters.list(0, 2).await.unwrap();
    let (sequence, _) = first[1];
    let second = queue.dead_letters.list(sequence, 10).await.unwrap();
    assert_eq!((first.len(), second.len()), (2, 1));
    let listed = first.into_iter().chain(second);
    let listed: Vec<DeadLetter> = listed.map(|(_, dead_letter)| dead_letter).collect();
    assert_eq!(listed, dead_letters);
}

async fn dead_letters_are_purged_up_to_a_sequence_number(fresh: FreshQueue) {
    let queue = fresh.open().await;
    let dead_letters = [dead_letter("a", 1), dead_letter("b", 2), dead_letter("c", 3)];
    queue.dead_letters.write(&dead_letters).await.unwrap();
    let (sequence, _) = queue.dead_letters.list(0, 10).await.unwrap()[1];
    queue.dead_letters.purge(sequence).await.unwrap();
    let remaining = queue.dead_letters.list(0, 10).await.unwrap();
    assert_eq!(remaining.len(), 1);
    assert_eq!(remaining[0].1, dead_letters[2]);
}

async fn dead_letters_survive_reopening(fresh: FreshQueue) {
    let queue = fresh.open().await;
    queue.dead_letters.write(&[dead_letter("a", 1)]).await.unwrap();
    drop(queue);
    let listed = fresh.open().await.dead_letters.list(0, 10).await.unwrap();
    assert_eq!(listed[0].1, dead_letter("a", 1));
}

async fn an_opened_queue_is_ready(fresh: FreshQueue) {
    let queue = fresh.open().await;
    queue.producer.ready().await.unwrap();
    queue.consumer.ready().await.unwrap();
    queue.dead_letters.ready().await.unwrap();
}
