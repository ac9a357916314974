//! Lines that cannot be stored or indexed become dead letters, which can be listed and replayed.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use consumer::dead_letters;
use shared::error::{Error, Refused, Result};
use shared::index::{Index, Snapshot};
use shared::log_entry::Day;
use shared::process::DeadLettersCommand;
use shared::queue::{DeadLetter, Position, Queue};
use shared::retention::Class;
use shared::search::{SearchHits, SearchQuery};
use shared::store::Store;
use shared::{EntryId, LogEntry, Timestamp};

use crate::support::{Backends, entry, ready_as_inner, run, store_with_own_insert};

/// An index that refuses entries with messages that end in 1.
struct RefusingIndex {
    inner: Arc<dyn Index>,
}

ready_as_inner!(RefusingIndex);

#[async_trait]
impl Index for RefusingIndex {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let (bad, good): (Vec<_>, Vec<_>) = entries
            .iter()
            .cloned()
            .enumerate()
            .partition(|(_, entry)| entry.message.ends_with('1'));
        let good: Vec<LogEntry> = good.into_iter().map(|(_, entry)| entry).collect();
        self.inner.add(&good).await?;
        Ok(bad.into_iter().map(|(index, _)| Refused::invalid(index, "odd")).collect())
    }

    async fn delete(&self, class: &Class, ids: &[EntryId]) -> Result<()> {
        self.inner.delete(class, ids).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        self.inner.search(query).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        self.inner.snapshot().await
    }

    async fn days(&self, class: &Class) -> Result<BTreeSet<Day>> {
        self.inner.days(class).await
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        self.inner.drop_before(class, first).await
    }
}

#[tokio::test]
async fn bad_lines_become_dead_letters_without_blocking_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let lines: Vec<Vec<u8>> = (0..3).map(|number| entry(number).to_json()).collect();
    backends.publish(&[&lines[0], &b"not json"[..], &lines[1], &lines[2]].join(&b'\n')).await;

    let refusing = Arc::new(RefusingIndex { inner: backends.index.clone() });
    let consumer = backends.consumer_with(backends.store.clone(), refusing);
    run(consumer, async || backends.indexed().await.len() == 2).await;

    let [unreadable, refused] = &list(&backends.queue).await[..] else {
        panic!("expected two dead letters");
    };
    assert_eq!(unreadable.line, b"not json");
    assert!(unreadable.reason.starts_with("not a log entry"), "{}", unreadable.reason);
    assert_eq!(refused.line, lines[1]);
    assert_eq!(refused.reason, "index: odd");
    backends.assert_all_committed(&directory).await;
}

/// A store that rejects a whole batch if one of its messages ends in 3.
struct RejectingStore {
    inner: Arc<dyn Store>,
}

store_with_own_insert!(RejectingStore);

impl RejectingStore {
    async fn insert_entries(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        if entries.iter().any(|entry| entry.message.ends_with('3')) {
            return Err(Error::rejected("store", "three"));
        }
        self.inner.insert(entries).await
    }
}

#[tokio::test]
async fn only_the_bad_entries_of_a_batch_become_dead_letters() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let entries: Vec<LogEntry> = (0..12).map(entry).collect();
    let lines: Vec<Vec<u8>> = entries.iter().map(LogEntry::to_json).collect();
    backends.publish(&lines.join(&b'\n')).await;

    let rejecting = Arc::new(RejectingStore { inner: backends.store.clone() });
    let refusing = Arc::new(RefusingIndex { inner: backends.index.clone() });
    let consumer = backends.consumer_with(rejecting, refusing);
    run(consumer, async || backends.has_dead_letters().await).await;

    let indexed = backends.indexed().await;
    for (number, entry) in entries.iter().enumerate() {
        assert_eq!(backends.is_stored(entry).await, number != 3, "{number}");
        assert_eq!(indexed.contains(entry), ![1, 3, 11].contains(&number), "{number}");
    }
    let dead_letters = list(&backends.queue).await;
    let number = |line: &[u8]| lines.iter().position(|other| other == line).unwrap();
    let dead_letters: Vec<_> =
        dead_letters.iter().map(|one| (number(&one.line), one.reason.as_str())).collect();
    let by_store = "store: the store rejected the request: three";
    assert_eq!(dead_letters, [(3, by_store), (1, "index: odd"), (11, "index: odd")]);
    backends.assert_all_committed(&directory).await;
}

#[tokio::test]
async fn commands_print_only_a_note_if_there_are_no_dead_letters() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    for command in [DeadLettersCommand::List, DeadLettersCommand::Replay] {
        let (out, notes) = run_command(command, &backends.queue).await;
        assert_eq!((out.as_str(), notes.as_str()), ("", "no dead letters\n"), "{command:?}");
    }
}

#[tokio::test]
async fn a_replay_stops_at_dead_letters_newer_than_itself() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let dead_letter = |line: &[u8], time: &str| DeadLetter {
        line: line.to_vec(),
        reason: "odd".to_owned(),
        source: Position { partition: 0, offset: 1 },
        time: Timestamp::parse(time).unwrap(),
    };
    let dead_letters = [
        dead_letter(b"old", "2020-01-01T00:00:00Z"),
        dead_letter(b"from the future", "2999-01-01T00:00:00Z"),
        dead_letter(b"older", "2019-01-01T00:00:00Z"),
    ];
    backends.queue.dead_letters.write(&dead_letters).await.unwrap();

    let (listed_before, _) = run_command(DeadLettersCommand::List, &backends.queue).await;
    let (out, notes) = run_command(DeadLettersCommand::Replay, &backends.queue).await;

    assert_eq!(listed_before.lines().count(), 3, "{listed_before}");
    assert_eq!((out.as_str(), notes.as_str()), ("replayed 1 dead letter\n", ""));
    let remaining = list(&backends.queue).await;
    assert_eq!(remaining, dead_letters[1..]);
}

#[tokio::test]
async fn a_replayed_dead_letter_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let lines = [entry(1).to_json(), entry(11).to_json()];
    backends.publish(&lines.join(&b'\n')).await;
    let refusing = Arc::new(RefusingIndex { inner: backends.index.clone() });
    let consumer = backends.consumer_with(backends.store.clone(), refusing);
    run(consumer, async || backends.has_dead_letters().await).await;

    let (listed_before, _) = run_command(DeadLettersCommand::List, &backends.queue).await;
    let (replayed, _) = run_command(DeadLettersCommand::Replay, &backends.queue).await;

    assert_eq!(listed_before.lines().count(), 2);
    assert!(listed_before.contains(r#""reason":"index: odd""#), "{listed_before}");
    assert_eq!(replayed, "replayed 2 dead letters\n");
    run(backends.consumer(), async || backends.indexed().await.len() == 2).await;
    assert!(!backends.has_dead_letters().await);
}

async fn list(queue: &Queue) -> Vec<DeadLetter> {
    let listed = queue.dead_letters.list(0, 10).await.unwrap();
    listed.into_iter().map(|(_, dead_letter)| dead_letter).collect()
}

/// Runs a command and returns its output and notes.
async fn run_command(command: DeadLettersCommand, queue: &Queue) -> (String, String) {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    dead_letters::run(command, queue, &mut out, &mut notes).await.unwrap();
    (String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap())
}
