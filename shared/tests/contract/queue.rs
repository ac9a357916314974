//! The contract of the queue: both its ends, and the dead letters.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::queue::{self, Batch, DeadLetter, Position, Queue, Record, RecordPacker};
use shared::{EntryId, LogEntry, Timestamp, TraceParent};
use tempfile::TempDir;
use tokio::time::timeout;
use url::Url;

use crate::entries::{entries, entry, text};
use crate::kafka::FreshTopic;

contract! {
    adapters: [sqlite,],
    services: [kafka,],
    tests: [
        a_published_entry_is_polled_whole,
        what_was_not_committed_is_polled_again,
        what_was_committed_is_not_polled_again,
        only_what_was_polled_is_committed,
        a_record_of_many_entries_is_polled,
        a_record_keeps_its_trace,
        a_line_that_is_no_entry_is_unreadable_and_blocks_nothing,
        a_poll_waits_for_entries,
        a_cancelled_poll_loses_nothing,
        a_cancelled_publish_does_not_hinder_the_next,
        many_publishers_at_once_all_get_theirs_in,
        a_large_record_is_taken,
        dead_letters_are_listed_in_their_order,
        dead_letters_are_purged_up_to_a_place,
        dead_letters_survive_reopening,
        a_queue_that_was_opened_is_ready,
    ]
}

/// Long enough for any poll to answer, short enough for a test to fail.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough to say that a poll answers nothing.
const SILENCE: Duration = Duration::from_millis(700);

/// A queue that nobody used before; it may be opened again. Nothing is left of it.
struct Fresh {
    url: Url,
    _place: Place,
}

#[expect(dead_code, reason = "it is there to be dropped")]
enum Place {
    Directory(TempDir),
    Topic(FreshTopic),
}

fn sqlite() -> Fresh {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/queue.db", directory.path().display());
    Fresh { url: url.parse().unwrap(), _place: Place::Directory(directory) }
}

fn kafka() -> Fresh {
    let topic = FreshTopic::new();
    Fresh { url: topic.url(), _place: Place::Topic(topic) }
}

impl Fresh {
    async fn open(&self) -> Queue {
        queue::open(&self.url).await.unwrap()
    }
}

async fn publish(queue: &Queue, entries: &[LogEntry]) {
    let records = entries.iter().map(Record::of).collect();
    queue.producer.publish(records).await.unwrap();
}

/// Polls until so many entries and unreadable lines are there.
async fn poll(queue: &Queue, count: usize) -> Batch {
    let mut batch = Batch::default();
    while batch.entries().len() + batch.unreadable().len() < count {
        let polled = timeout(PATIENCE, queue.consumer.poll()).await;
        batch.append(polled.unwrap().unwrap());
    }
    batch
}

fn ids(entries: &[LogEntry]) -> BTreeSet<EntryId> {
    entries.iter().map(|entry| entry.id).collect()
}

async fn a_published_entry_is_polled_whole(fresh: Fresh) {
    let queue = fresh.open().await;
    let entry = entry("with a \0, a \n and 🦀");
    publish(&queue, std::slice::from_ref(&entry)).await;
    let batch = poll(&queue, 1).await;
    assert_eq!(text(&batch.entries()[0]), text(&entry));
    assert!(batch.bytes() >= entry.to_json().len());
}

async fn what_was_not_committed_is_polled_again(fresh: Fresh) {
    let queue = fresh.open().await;
    let entries = entries(["a", "b", "c"]);
    publish(&queue, &entries).await;
    assert_eq!(poll(&queue, 3).await.entries().len(), 3);
    drop(queue);
    let batch = poll(&fresh.open().await, 3).await;
    assert_eq!(ids(batch.entries()), ids(&entries));
}

async fn what_was_committed_is_not_polled_again(fresh: Fresh) {
    let queue = fresh.open().await;
    publish(&queue, &entries(["a", "b"])).await;
    let batch = poll(&queue, 2).await;
    queue.consumer.commit(batch).await.unwrap();
    let later = entry("later");
    publish(&queue, std::slice::from_ref(&later)).await;
    drop(queue);
    let queue = fresh.open().await;
    let batch = poll(&queue, 1).await;
    assert_eq!(ids(batch.entries()), ids(&[later]));
    assert!(timeout(SILENCE, queue.consumer.poll()).await.is_err());
}

async fn only_what_was_polled_is_committed(fresh: Fresh) {
    let queue = fresh.open().await;
    publish(&queue, &entries(["polled"])).await;
    let batch = poll(&queue, 1).await;
    let later = entry("published before the commit");
    publish(&queue, std::slice::from_ref(&later)).await;
    queue.consumer.commit(batch).await.unwrap();
    drop(queue);
    let batch = poll(&fresh.open().await, 1).await;
    assert_eq!(ids(batch.entries()), ids(&[later]));
}

async fn a_record_of_many_entries_is_polled(fresh: Fresh) {
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

async fn a_record_keeps_its_trace(fresh: Fresh) {
    let queue = fresh.open().await;
    let trace = TraceParent::start();
    let records = [Record::of(&entry("a")), Record::of(&entry("b")).traced(trace)];
    queue.producer.publish(records.into()).await.unwrap();
    let polled = poll(&queue, 2).await;
    assert_eq!(polled.traces().collect::<Vec<_>>(), [trace]);
}

async fn a_line_that_is_no_entry_is_unreadable_and_blocks_nothing(fresh: Fresh) {
    let queue = fresh.open().await;
    let broken = Record::from_bytes(b"not json \xff"[..].into());
    queue.producer.publish(vec![broken]).await.unwrap();
    let behind = entry("behind it");
    publish(&queue, std::slice::from_ref(&behind)).await;
    let batch = poll(&queue, 2).await;
    assert_eq!(batch.unreadable()[0].line, b"not json \xff");
    assert_eq!(ids(batch.entries()), ids(&[behind]));
    queue.consumer.commit(batch).await.unwrap();
    let later = entry("later");
    publish(&queue, std::slice::from_ref(&later)).await;
    drop(queue);
    // Polling may begin with joining a group: only after something came, silence means something.
    let queue = fresh.open().await;
    let batch = poll(&queue, 1).await;
    assert!(batch.unreadable().is_empty());
    assert_eq!(ids(batch.entries()), ids(&[later]));
    assert!(timeout(SILENCE, queue.consumer.poll()).await.is_err());
}

async fn a_poll_waits_for_entries(fresh: Fresh) {
    let queue = fresh.open().await;
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { poll(&queue, 1).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    let entry = entry("at last");
    publish(&queue, std::slice::from_ref(&entry)).await;
    assert_eq!(ids(waiting.await.unwrap().entries()), ids(&[entry]));
}

async fn a_cancelled_poll_loses_nothing(fresh: Fresh) {
    let queue = fresh.open().await;
    let entries = entries(vec!["m"; 200]);
    let mut polled = Batch::default();
    for (position, entry) in entries.iter().enumerate() {
        publish(&queue, std::slice::from_ref(entry)).await;
        let patience = Duration::from_micros(position as u64 * 10);
        if let Ok(batch) = timeout(patience, queue.consumer.poll()).await {
            polled.append(batch.unwrap());
        }
    }
    let missing = entries.len() - polled.entries().len();
    polled.append(poll(&queue, missing).await);
    assert_eq!(polled.entries().len(), entries.len());
    assert_eq!(ids(polled.entries()), ids(&entries));
}

async fn a_cancelled_publish_does_not_hinder_the_next(fresh: Fresh) {
    let queue = fresh.open().await;
    for micros in 0..100 {
        let records = vec![Record::of(&entry("perhaps"))];
        let publish = queue.producer.publish(records);
        let _ = timeout(Duration::from_micros(micros * 10), publish).await;
    }
    let entry = entry("certainly");
    publish(&queue, std::slice::from_ref(&entry)).await;
    let mut batch = poll(&queue, 1).await;
    while !ids(batch.entries()).contains(&entry.id) {
        batch.append(poll(&queue, 1).await);
    }
}

async fn many_publishers_at_once_all_get_theirs_in(fresh: Fresh) {
    let queue = fresh.open().await;
    let mut publishers = Vec::new();
    for _ in 0..50 {
        let queue = queue.clone();
        publishers.push(tokio::spawn(async move {
            let entries = entries(vec!["m"; 20]);
            for entry in &entries {
                publish(&queue, std::slice::from_ref(entry)).await;
            }
            entries
        }));
    }
    let mut published = Vec::new();
    for publisher in publishers {
        published.extend(publisher.await.unwrap());
    }
    let batch = poll(&queue, published.len()).await;
    assert_eq!(batch.entries().len(), published.len());
    assert_eq!(ids(batch.entries()), ids(&published));
}

async fn a_large_record_is_taken(fresh: Fresh) {
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

async fn dead_letters_are_listed_in_their_order(fresh: Fresh) {
    let queue = fresh.open().await;
    let dead_letters = [dead_letter("a", 7), dead_letter("b \0", 3), dead_letter("c", 5)];
    queue.dead_letters.write(&dead_letters[..2]).await.unwrap();
    queue.dead_letters.write(&dead_letters[2..]).await.unwrap();
    let first = queue.dead_letters.list(0, 2).await.unwrap();
    let (place, _) = first[1];
    let rest = queue.dead_letters.list(place, 10).await.unwrap();
    assert_eq!((first.len(), rest.len()), (2, 1));
    let listed = first.into_iter().chain(rest);
    let listed: Vec<DeadLetter> = listed.map(|(_, dead_letter)| dead_letter).collect();
    assert_eq!(listed, dead_letters);
}

async fn dead_letters_are_purged_up_to_a_place(fresh: Fresh) {
    let queue = fresh.open().await;
    let dead_letters = [dead_letter("a", 1), dead_letter("b", 2), dead_letter("c", 3)];
    queue.dead_letters.write(&dead_letters).await.unwrap();
    let (place, _) = queue.dead_letters.list(0, 10).await.unwrap()[1];
    queue.dead_letters.purge(place).await.unwrap();
    let left = queue.dead_letters.list(0, 10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].1, dead_letters[2]);
}

async fn dead_letters_survive_reopening(fresh: Fresh) {
    let queue = fresh.open().await;
    queue.dead_letters.write(&[dead_letter("a", 1)]).await.unwrap();
    drop(queue);
    let listed = fresh.open().await.dead_letters.list(0, 10).await.unwrap();
    assert_eq!(listed[0].1, dead_letter("a", 1));
}

async fn a_queue_that_was_opened_is_ready(fresh: Fresh) {
    let queue = fresh.open().await;
    queue.producer.ready().await.unwrap();
    queue.consumer.ready().await.unwrap();
    queue.dead_letters.ready().await.unwrap();
}
