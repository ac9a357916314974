//! Clients resume on a queue with several partitions, whose records are read in any order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use shared::error::{Ready, Result};
use shared::queue::{Followed, Follower, Position, Record, Start};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::support::{SSE, listen, numbered, record, send, serve};

const PARTITIONS: usize = 3;

/// A queue in memory. Each reader reads the partitions in another order.
#[derive(Default)]
struct Memory {
    partitions: Mutex<[Vec<Record>; PARTITIONS]>,
    published: watch::Sender<()>,
    readers: AtomicUsize,
}

impl Memory {
    fn publish(&self, partition: usize, numbers: Range<usize>) {
        self.partitions.lock().unwrap()[partition].push(record(&numbered(numbers)));
        self.published.send_replace(());
    }

    fn ends(&self) -> BTreeMap<i32, i64> {
        let partitions = self.partitions.lock().unwrap();
        (0..).zip(partitions.iter().map(|records| i64::try_from(records.len()).unwrap())).collect()
    }
}

/// A reader of a [`Memory`].
struct Reader {
    memory: Arc<Memory>,
    next: BTreeMap<i32, i64>,
    first: usize,
}

impl Reader {
    /// At most two records of each partition.
    fn read(&mut self) -> Vec<(Position, Record)> {
        let partitions = self.memory.partitions.lock().unwrap();
        let mut read = Vec::new();
        for turn in 0..PARTITIONS {
            let index = (self.first + turn) % PARTITIONS;
            let partition = i32::try_from(index).unwrap();
            let next = self.next.get_mut(&partition).unwrap();
            for record in partitions[index].iter().skip(usize::try_from(*next).unwrap()).take(2) {
                read.push((Position { partition, offset: *next }, record.clone()));
                *next += 1;
            }
        }
        read
    }
}

/// Follows a [`Memory`].
struct MemoryFollower(Arc<Memory>);

#[async_trait]
impl Ready for MemoryFollower {
    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Follower for MemoryFollower {
    async fn follow(&self, start: Start) -> Result<Followed> {
        let ends = self.0.ends();
        let starts: BTreeMap<i32, i64> = match start {
            Start::Now => ends.clone(),
            Start::At(_) => ends.keys().map(|partition| (*partition, 0)).collect(),
            Start::After(offsets) => ends
                .iter()
                .map(|(partition, end)| {
                    let after = offsets.get(partition).map_or(0, |offset| offset.saturating_add(1));
                    (*partition, after.clamp(0, *end))
                })
                .collect(),
        };
        let (sender, records) = mpsc::channel(1);
        let mut published = self.0.published.subscribe();
        let first = self.0.readers.fetch_add(1, Ordering::Relaxed);
        let mut reader = Reader { memory: self.0.clone(), next: starts.clone(), first };
        tokio::spawn(async move {
            loop {
                published.mark_unchanged();
                let read = reader.read();
                if read.is_empty() {
                    tokio::select! {
                        () = sender.closed() => return,
                        _ = published.changed() => {}
                    }
                } else if sender.send(read).await.is_err() {
                    return;
                }
            }
        });
        Ok(Followed::new(starts, ends, records))
    }
}

fn tail() -> (Arc<Memory>, BoxEndpoint<'static, Response>) {
    let memory = Arc::<Memory>::default();
    let follower = Arc::new(MemoryFollower(memory.clone()));
    (memory, serve(follower, &CancellationToken::new()))
}

/// Publishes records of seven entries to all partitions in turn.
fn publish(memory: &Memory, records: Range<usize>) {
    for record in records {
        memory.publish(record % PARTITIONS, record * 7..record * 7 + 7);
    }
}

fn messages(count: usize) -> Vec<String> {
    let mut messages: Vec<String> = (0..count).map(|n| format!("number {n}")).collect();
    messages.sort_unstable();
    messages
}

/// Receives this number of entries, and reconnects after every `step`.
async fn receive(
    endpoint: &BoxEndpoint<'static, Response>,
    count: usize,
    step: usize,
) -> Vec<String> {
    let mut received = Vec::new();
    let mut lines = listen(endpoint, "from=-1h", &[SSE]).await;
    while received.len() < count {
        let (id, message) = lines.event().await;
        received.push(message);
        if received.len().is_multiple_of(step) {
            lines = listen(endpoint, "", &[SSE, ("last-event-id", &id)]).await;
        }
        tokio::task::yield_now().await;
    }
    received.sort_unstable();
    received
}

#[tokio::test]
async fn resuming_loses_and_repeats_nothing_in_any_order_of_the_partitions() {
    let (memory, endpoint) = tail();
    publish(&memory, 0..100);
    let writing = async {
        for record in 100..300 {
            publish(&memory, record..record + 1);
            tokio::task::yield_now().await;
        }
    };
    let count = 300 * 7;
    let clients = [3, 10, 25, 64].map(|step| receive(&endpoint, count, step));
    let ((), received) = tokio::join!(writing, futures_util::future::join_all(clients));
    for received in received {
        assert!(received == messages(count), "entries are lost or repeated");
    }
}

#[tokio::test]
async fn a_client_that_resumes_alone_receives_a_long_backlog_completely() {
    let (memory, endpoint) = tail();
    for record in 0..30 {
        memory.publish(record % PARTITIONS, record * 1000..(record + 1) * 1000);
    }
    assert!(receive(&endpoint, 30_000, usize::MAX).await == messages(30_000));
}

#[tokio::test]
async fn progress_of_another_queue_affects_neither_the_client_nor_others() {
    let (memory, endpoint) = tail();
    publish(&memory, 0..3);
    let foreign = ("last-event-id", "@0:9223372036854775807,1:12.3,77:5");
    let mut resumed = listen(&endpoint, "", &[SSE, foreign]).await;
    let mut other = listen(&endpoint, "", &[SSE]).await;
    publish(&memory, 3..6);
    for lines in [&mut resumed, &mut other] {
        let mut id = String::new();
        let mut received = Vec::new();
        while !received.contains(&"number 41".to_owned()) || received.len() < 21 {
            let message;
            (id, message) = lines.event().await;
            received.push(message);
        }
        assert!(received.contains(&"number 21".to_owned()), "{received:?}");
        assert!(!id.contains("77:") && !id.contains("9223"), "{id}");
    }
}

#[tokio::test]
async fn a_client_can_resume_before_its_first_entry() {
    let (memory, endpoint) = tail();
    publish(&memory, 0..3);
    let response = send(&endpoint, "", &[SSE]).await;
    let mut start = response.into_body().into_bytes_stream();
    let start = futures_util::StreamExt::next(&mut start).await.unwrap().unwrap();
    let start = String::from_utf8(start.to_vec()).unwrap();
    let id = start.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    publish(&memory, 3..4);
    let mut resumed = listen(&endpoint, "", &[SSE, ("last-event-id", id)]).await;
    assert_eq!(
        resumed.messages(7).await,
        (21..28).map(|n| format!("number {n}")).collect::<Vec<_>>()
    );
}
