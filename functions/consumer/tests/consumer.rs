//! The consumer on embedded ports: nothing is committed before both sinks have it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use consumer::Consumer;
use consumer::dead_letters;
use shared::config::BatchConfig;
use shared::error::{Error, Ready, Refused, Result};
use shared::index::{self, Index};
use shared::process::DeadLettersCommand;
use shared::queue::{self, Batch, DeadLetter, Position, Queue, Record};
use shared::search::{SearchHits, SearchQuery};
use shared::store::{self, Store};
use shared::testing::Broken;
use shared::{Arrival, EntryId, LogEntry, NewLogEntry, Timestamp};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(20);

/// The parts of a folder.
struct Parts {
    queue: Queue,
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
}

impl Parts {
    async fn open(folder: &TempDir) -> Self {
        let url = |scheme: &str, name: &str| {
            Url::parse(&format!("{scheme}://{}/{name}", folder.path().display())).unwrap()
        };
        Self {
            queue: queue::open(&url("sqlite", "queue.db")).await.unwrap(),
            store: store::open(&url("sqlite", "store.db")).await.unwrap(),
            index: index::open(&url("tantivy", "index")).await.unwrap(),
        }
    }

    async fn publish(&self, lines: &[u8]) {
        let record = Record::from_bytes(lines.to_vec().into());
        self.queue.producer.publish(vec![record]).await.unwrap();
    }

    async fn indexed(&self) -> Vec<LogEntry> {
        let service_name = Some("a".to_owned().try_into().unwrap());
        let query = SearchQuery { service_name, limit: 100, ..SearchQuery::default() };
        self.index.search(&query).await.unwrap().entries
    }

    /// Whether everything on the queue was committed: a new member of the group gets nothing but
    /// what comes later.
    async fn all_is_committed(self, folder: &TempDir) -> bool {
        drop(self);
        let again = Self::open(folder).await;
        let later = entry(0);
        again.publish(&later.to_json()).await;
        let polled = timeout(PATIENCE, again.queue.consumer.poll()).await.unwrap().unwrap();
        let ids: Vec<_> = polled.entries().iter().map(|entry| entry.id).collect();
        ids == [later.id] && polled.unreadable().is_empty()
    }
}

const BATCHING: BatchConfig = BatchConfig { max_entries: 100, max_wait: Duration::from_millis(20) };

/// Runs a consumer until `done`, then stops it.
async fn run(consumer: Consumer, done: impl AsyncFn() -> bool) {
    let shutdown = CancellationToken::new();
    let wait = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        shutdown.cancel();
    };
    let both = async { tokio::join!(consumer.run(&shutdown), wait) };
    timeout(PATIENCE, both).await.expect("the consumer does its work and stops");
}

fn entry(position: u32) -> LogEntry {
    let json = format!(r#"{{"service":"a","message":"number {position}"}}"#);
    let new = NewLogEntry::from_json(json.as_bytes()).unwrap();
    new.arrive(&Arrival::new(Timestamp::now()), position).unwrap()
}

/// A sink that fails some times, then does what the one behind it does.
struct Flaky<T: ?Sized> {
    failures: AtomicU32,
    then: Arc<T>,
}

impl<T: ?Sized> Flaky<T> {
    fn attempt(&self) -> Result<()> {
        let left =
            self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match left {
            Ok(_) => Err(Error::unavailable("flaky", "not yet")),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl<T: Ready + ?Sized> Ready for Flaky<T> {
    async fn ready(&self) -> Result<()> {
        self.then.ready().await
    }
}

#[async_trait]
impl Store for Flaky<dyn Store> {
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        self.attempt()?;
        self.then.insert(entries).await
    }

    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        self.then.get(id).await
    }
}

/// An index that refuses every entry whose message ends in 1.
struct Picky(Arc<dyn Index>);

#[async_trait]
impl Ready for Picky {
    async fn ready(&self) -> Result<()> {
        self.0.ready().await
    }
}

#[async_trait]
impl Index for Picky {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let (bad, good): (Vec<_>, Vec<_>) = entries
            .iter()
            .cloned()
            .enumerate()
            .partition(|(_, entry)| entry.message.ends_with('1'));
        let good: Vec<LogEntry> = good.into_iter().map(|(_, entry)| entry).collect();
        self.0.add(&good).await?;
        Ok(bad.into_iter().map(|(index, _)| Refused { index, reason: "odd".into() }).collect())
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        self.0.search(query).await
    }
}

#[tokio::test]
async fn entries_move_from_the_queue_to_both_sinks() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::open(&folder).await;
    let entries: Vec<LogEntry> = (0..10).map(entry).collect();
    for entry in &entries {
        parts.publish(&entry.to_json()).await;
    }

    let consumer = Consumer::new(&parts.queue, parts.store.clone(), parts.index.clone(), BATCHING);
    run(consumer, async || parts.indexed().await.len() == 10).await;

    for entry in &entries {
        let stored = parts.store.get(entry.id).await.unwrap().unwrap();
        assert_eq!(stored.to_json(), entry.to_json());
    }
    assert!(parts.all_is_committed(&folder).await);
}

#[tokio::test]
async fn a_sink_that_is_away_is_tried_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::open(&folder).await;
    let entry = entry(0);
    parts.publish(&entry.to_json()).await;
    let flaky: Flaky<dyn Store> = Flaky { failures: AtomicU32::new(3), then: parts.store.clone() };

    let consumer = Consumer::new(&parts.queue, Arc::new(flaky), parts.index.clone(), BATCHING);
    run(consumer, async || parts.store.get(entry.id).await.unwrap().is_some()).await;

    assert_eq!(parts.queue.dead_letters.list(0, 10).await.unwrap(), []);
    assert!(parts.all_is_committed(&folder).await);
}

#[tokio::test]
async fn what_was_not_committed_comes_again_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::open(&folder).await;
    let entry = entry(0);
    parts.publish(&entry.to_json()).await;
    let half = Consumer::new(&parts.queue, parts.store.clone(), Arc::new(Broken), BATCHING);
    run(half, async || parts.store.get(entry.id).await.unwrap().is_some()).await;
    assert_eq!(parts.indexed().await.len(), 0);
    drop(parts);

    let parts = Parts::open(&folder).await;
    let whole = Consumer::new(&parts.queue, parts.store.clone(), parts.index.clone(), BATCHING);
    run(whole, async || !parts.indexed().await.is_empty()).await;

    assert_eq!(parts.indexed().await.len(), 1);
    assert!(parts.all_is_committed(&folder).await);
}

#[tokio::test]
async fn what_cannot_be_stored_becomes_a_dead_letter_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::open(&folder).await;
    let lines: Vec<Vec<u8>> = (0..3).map(|n| entry(n).to_json()).collect();
    parts.publish(&[&lines[0], &b"not json"[..], &lines[1], &lines[2]].join(&b'\n')).await;

    let picky = Arc::new(Picky(parts.index.clone()));
    let consumer = Consumer::new(&parts.queue, parts.store.clone(), picky, BATCHING);
    run(consumer, async || parts.indexed().await.len() == 2).await;

    let dead_letters = parts.queue.dead_letters.list(0, 10).await.unwrap();
    let told: Vec<(&[u8], &str)> = dead_letters
        .iter()
        .map(|(_, dead_letter)| (dead_letter.line.as_slice(), dead_letter.reason.as_str()))
        .collect();
    assert_eq!(told[0].0, b"not json");
    assert!(told[0].1.starts_with("not a log entry"), "{}", told[0].1);
    assert_eq!(told[1], (lines[1].as_slice(), "index: odd"));
    assert_eq!(told.len(), 2);
    assert!(parts.all_is_committed(&folder).await);
}

/// A store that rejects whatever has an entry whose message ends in 3.
struct Rejecting(Arc<dyn Store>);

#[async_trait]
impl Ready for Rejecting {
    async fn ready(&self) -> Result<()> {
        self.0.ready().await
    }
}

#[async_trait]
impl Store for Rejecting {
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        if entries.iter().any(|entry| entry.message.ends_with('3')) {
            return Err(Error::rejected("store", "three"));
        }
        self.0.insert(entries).await
    }

    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        self.0.get(id).await
    }
}

#[tokio::test]
async fn a_batch_that_is_rejected_as_a_whole_loses_the_one_bad_entry_only() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::open(&folder).await;
    let entries: Vec<LogEntry> = (0..7).map(entry).collect();
    let lines: Vec<Vec<u8>> = entries.iter().map(LogEntry::to_json).collect();
    parts.publish(&lines.join(&b'\n')).await;

    let rejecting = Arc::new(Rejecting(parts.store.clone()));
    let consumer = Consumer::new(&parts.queue, rejecting, parts.index.clone(), BATCHING);
    let dead = async || !parts.queue.dead_letters.list(0, 1).await.unwrap().is_empty();
    run(consumer, dead).await;

    for (number, entry) in entries.iter().enumerate() {
        let stored = parts.store.get(entry.id).await.unwrap();
        assert_eq!(stored.is_some(), number != 3, "{number}");
    }
    let dead_letters = parts.queue.dead_letters.list(0, 10).await.unwrap();
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(dead_letters[0].1.line, lines[3]);
    assert!(parts.all_is_committed(&folder).await);
}

/// A store that takes the first batch after the second one.
struct Overtaken {
    calls: AtomicU32,
    second: Notify,
    then: Arc<dyn Store>,
}

#[async_trait]
impl Ready for Overtaken {
    async fn ready(&self) -> Result<()> {
        self.then.ready().await
    }
}

#[async_trait]
impl Store for Overtaken {
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 {
            self.second.notified().await;
        }
        let inserted = self.then.insert(entries).await;
        self.second.notify_one();
        inserted
    }

    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        self.then.get(id).await
    }
}

#[tokio::test]
async fn a_batch_does_not_wait_for_the_one_before_it_but_for_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::open(&folder).await;
    let [first, second] = [entry(1), entry(2)];
    parts.publish(&first.to_json()).await;

    let calls = AtomicU32::new(0);
    let store = Overtaken { calls, second: Notify::new(), then: parts.store.clone() };
    let store = Arc::new(store);
    let consumer = Consumer::new(&parts.queue, store.clone(), parts.index.clone(), BATCHING);
    let published = AtomicBool::new(false);
    run(consumer, async || {
        let is_first_there = store.calls.load(Ordering::SeqCst) > 0;
        if is_first_there && !published.swap(true, Ordering::SeqCst) {
            parts.publish(&second.to_json()).await;
        }
        parts.store.get(first.id).await.unwrap().is_some()
    })
    .await;

    assert!(parts.store.get(second.id).await.unwrap().is_some());
    assert!(parts.all_is_committed(&folder).await);
}

/// A queue that remembers what was committed, batch by batch.
struct Remembering {
    commits: Mutex<Vec<Vec<EntryId>>>,
    then: Arc<dyn queue::Consumer>,
}

#[async_trait]
impl Ready for Remembering {
    async fn ready(&self) -> Result<()> {
        self.then.ready().await
    }
}

#[async_trait]
impl queue::Consumer for Remembering {
    async fn poll(&self) -> Result<Batch> {
        self.then.poll().await
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        let ids = batch.entries().iter().map(|entry| entry.id).collect();
        self.commits.lock().unwrap().push(ids);
        self.then.commit(batch).await
    }
}

/// A store that is away to one entry, until that is let in.
struct AwayTo {
    id: EntryId,
    is_in: AtomicBool,
    then: Arc<dyn Store>,
}

#[async_trait]
impl Ready for AwayTo {
    async fn ready(&self) -> Result<()> {
        self.then.ready().await
    }
}

#[async_trait]
impl Store for AwayTo {
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let has_it = entries.iter().any(|entry| entry.id == self.id);
        if has_it && !self.is_in.load(Ordering::SeqCst) {
            return Err(Error::unavailable("store", "not yet"));
        }
        self.then.insert(entries).await
    }

    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        self.then.get(id).await
    }
}

#[tokio::test]
async fn a_batch_that_both_sinks_have_is_not_committed_before_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::open(&folder).await;
    let [first, second] = [entry(1), entry(2)];
    parts.publish(&first.to_json()).await;
    let (commits, then) = (Mutex::default(), parts.queue.consumer.clone());
    let remembering = Arc::new(Remembering { commits, then });
    let queue = Queue { consumer: remembering.clone(), ..parts.queue.clone() };
    let (id, is_in, then) = (first.id, AtomicBool::new(false), parts.store.clone());
    let store = Arc::new(AwayTo { id, is_in, then });

    let consumer = Consumer::new(&queue, store.clone(), parts.index.clone(), BATCHING);
    let is_published = AtomicBool::new(false);
    run(consumer, async || {
        let indexed = parts.indexed().await.len();
        if indexed == 1 && !is_published.swap(true, Ordering::SeqCst) {
            parts.publish(&second.to_json()).await;
        }
        let is_second_stored = parts.store.get(second.id).await.unwrap().is_some();
        if indexed == 2 && is_second_stored && !store.is_in.load(Ordering::SeqCst) {
            // Time enough for a commit that does not wait.
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(*remembering.commits.lock().unwrap(), [] as [Vec<EntryId>; 0]);
            store.is_in.store(true, Ordering::SeqCst);
        }
        remembering.commits.lock().unwrap().len() == 2
    })
    .await;

    assert_eq!(*remembering.commits.lock().unwrap(), [[first.id], [second.id]]);
    assert!(parts.store.get(first.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_replay_purges_only_what_it_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::open(&folder).await;
    let dead_letter = |line: &[u8], time: &str| DeadLetter {
        line: line.to_vec(),
        reason: "odd".to_owned(),
        source: Position { partition: 0, offset: 1 },
        time: Timestamp::parse(time).unwrap(),
    };
    let dead_letters = [
        dead_letter(b"old", "2020-01-01T00:00:00Z"),
        dead_letter(b"of another clock", "2999-01-01T00:00:00Z"),
        dead_letter(b"older", "2019-01-01T00:00:00Z"),
    ];
    parts.queue.dead_letters.write(&dead_letters).await.unwrap();

    let mut told = Vec::new();
    dead_letters::run(DeadLettersCommand::Replay, &parts.queue, &mut told).await.unwrap();

    let left = parts.queue.dead_letters.list(0, 10).await.unwrap();
    let left: Vec<&[u8]> =
        left.iter().map(|(_, dead_letter)| dead_letter.line.as_slice()).collect();
    assert_eq!(left, [&b"of another clock"[..], b"older"]);
    assert_eq!(told, b"1 dead letters are back on the queue\n");
}

#[tokio::test]
async fn a_dead_letter_that_is_replayed_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::open(&folder).await;
    parts.publish(&entry(1).to_json()).await;
    let picky = Arc::new(Picky(parts.index.clone()));
    let consumer = Consumer::new(&parts.queue, parts.store.clone(), picky, BATCHING);
    let dead = async || !parts.queue.dead_letters.list(0, 1).await.unwrap().is_empty();
    run(consumer, dead).await;

    let mut listed = Vec::new();
    dead_letters::run(DeadLettersCommand::List, &parts.queue, &mut listed).await.unwrap();
    let mut told = Vec::new();
    dead_letters::run(DeadLettersCommand::Replay, &parts.queue, &mut told).await.unwrap();

    let listed = String::from_utf8(listed).unwrap();
    assert!(listed.contains(r#""reason":"index: odd""#), "{listed}");
    assert_eq!(told, b"1 dead letters are back on the queue\n");
    let consumer = Consumer::new(&parts.queue, parts.store.clone(), parts.index.clone(), BATCHING);
    run(consumer, async || parts.indexed().await.len() == 1).await;
    assert_eq!(parts.queue.dead_letters.list(0, 10).await.unwrap(), []);
}
