//! Rebuilds an index in a temporary directory from a SQLite store.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::index::embedded::{is_rebuild_requested, request_rebuild};
use crate::query::Condition;
use crate::search::Sort;
use crate::testing::{EntryBuilder, entries};
use crate::{Arrival, Timestamp};

const DEADLINE: Duration = Duration::from_mins(1);

/// A data directory.
struct DataDirectory {
    directory: TempDir,
    store: Arc<dyn Store>,
}

impl DataDirectory {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/store.db", directory.path().display());
        let store = crate::store::open(&url.parse().unwrap()).await.unwrap();
        Self { directory, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("index").join(name)
    }

    fn url(&self) -> Url {
        format!("tantivy://{}", self.path("").display()).parse().unwrap()
    }

    async fn open(&self) -> Arc<DerivedIndex> {
        Arc::new(self.try_open().await.unwrap())
    }

    async fn try_open(&self) -> anyhow::Result<DerivedIndex> {
        DerivedIndex::open(&self.url(), Arc::clone(&self.store)).await
    }

    /// Writes entries to the store, then to the index, as the consumer does.
    async fn write(&self, index: &DerivedIndex, entries: &[LogEntry]) {
        assert_eq!(self.store.insert(entries).await.unwrap(), []);
        assert_eq!(index.add(entries).await.unwrap(), []);
    }

    fn generations(&self) -> Vec<String> {
        let mut names = names(&self.path(""));
        names.retain(|name| name.parse::<u32>().is_ok());
        names
    }
}

fn names(directory: &Path) -> Vec<String> {
    let items = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// A task that runs rebuilds until it is stopped.
struct RunningRebuilds {
    batches: Arc<RwLock<()>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn run(index: &Arc<DerivedIndex>) -> RunningRebuilds {
    let (batches, stop) = (Arc::new(RwLock::new(())), CancellationToken::new());
    let task = tokio::spawn({
        let (index, batches, stop) = (Arc::clone(index), Arc::clone(&batches), stop.clone());
        async move { index.run(&batches, &stop).await }
    });
    RunningRebuilds { batches, stop, task }
}

impl RunningRebuilds {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !condition().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("timed out waiting until {what}"));
}

async fn wait_until_complete(index: &DerivedIndex) {
    wait_until("the rebuild completes", async || index.index.rebuild().is_none()).await;
}

/// All entries in the index, ordered by timestamp and id, and whether every page reports that the
/// index is being rebuilt.
async fn search_all(index: &DerivedIndex) -> (Vec<LogEntry>, bool) {
    let mut query =
        SearchQuery { sort: Sort::Oldest, ..SearchQuery::new(Condition::everything(), 1000) };
    let (mut found, mut is_rebuilding) = (Vec::new(), true);
    loop {
        let hits = index.search(&query).await.unwrap();
        found.extend(hits.entries);
        is_rebuilding &= hits.is_rebuilding;
        query.cursor = hits.next_cursor;
        if query.cursor.is_none() {
            return (found, is_rebuilding);
        }
    }
}

/// Asserts that the index is complete and contains exactly these entries.
async fn assert_indexed(index: &DerivedIndex, expected: &[LogEntry]) {
    let (found, is_rebuilding) = search_all(index).await;
    assert!(!is_rebuilding && !index.is_rebuilding());
    let mut expected = expected.to_vec();
    expected.sort_by_key(|entry| (entry.timestamp, entry.id));
    let ids = |entries: &[LogEntry]| entries.iter().map(|entry| entry.id).collect::<Vec<_>>();
    assert_eq!(ids(&found), ids(&expected));
    assert!(found == expected, "an entry differs");
}

/// An entry with an id that is `days` days old, such as a client may send.
fn days_old(days: i64, message: &str) -> LogEntry {
    let now = Timestamp::now().as_micros();
    let time = Timestamp::from_micros(now - days * Timestamp::MICROS_PER_DAY).unwrap();
    EntryBuilder::new(message).arrival(&Arrival::new(time), 0).build()
}

#[tokio::test]
async fn an_empty_store_needs_no_rebuild() {
    let data = DataDirectory::new().await;
    let index = data.open().await;
    let written = entries(["one", "two"]);
    data.write(&index, &written).await;
    assert_indexed(&index, &written).await;
    drop(index);
    assert_indexed(&*data.open().await, &written).await;
    assert_eq!(data.generations(), ["1"]);
}

#[tokio::test]
async fn a_missing_index_is_built_while_entries_arrive() {
    let data = DataDirectory::new().await;
    let mut written = entries((0..7000).map(|number| format!("before {number}")));
    data.store.insert(&written).await.unwrap();
    let index = data.open().await;
    assert!(index.is_rebuilding());
    let first = entries(["arrives first"]);
    data.write(&index, &first).await;
    let (found, is_rebuilding) = search_all(&index).await;
    assert_eq!((found, is_rebuilding), (first.clone(), true));

    let running = run(&index);
    written.extend(first);
    for round in 0..10 {
        let mut batch = entries((0..50).map(|number| format!("during {round} {number}")));
        batch.push(days_old(round % 7, "an old id"));
        data.write(&index, &batch).await;
        written.extend(batch);
    }
    wait_until_complete(&index).await;
    assert_indexed(&index, &written).await;
    running.stop().await;
    drop(index);
    assert_indexed(&*data.open().await, &written).await;
}

#[tokio::test]
async fn a_stopped_rebuild_resumes_where_it_stopped() {
    let data = DataDirectory::new().await;
    let mut written = entries((0..9000).map(|number| format!("before {number}")));
    data.store.insert(&written).await.unwrap();
    let mut positions = Vec::new();
    for round in 0..100 {
        let index = data.open().await;
        let Some(rebuild) = index.index.rebuild() else { break };
        let before = rebuild.progress().unwrap().after;
        positions.push(before);
        let arriving = entries([format!("arrives in round {round}")]);
        data.write(&index, &arriving).await;
        written.extend(arriving);
        let running = run(&index);
        wait_until("the rebuild advances", async || {
            rebuild.progress().is_none_or(|progress| progress.after != before)
        })
        .await;
        running.stop().await;
    }
    assert!(positions.len() >= 3 && positions.is_sorted(), "{positions:?}");
    assert_indexed(&*data.open().await, &written).await;
    assert_eq!(data.generations(), ["1"]);
}

#[tokio::test]
async fn a_requested_rebuild_replaces_the_index_while_it_serves() {
    let data = DataDirectory::new().await;
    let index = data.open().await;
    let running = run(&index);
    let mut written = entries((0..5000).map(|number| format!("before {number}")));
    data.write(&index, &written).await;
    request_rebuild(&data.url()).unwrap();
    wait_until("the rebuild begins", async || index.index.rebuild().is_some()).await;
    wait_until("it is not requested again", async || !is_rebuild_requested(&data.url()).unwrap())
        .await;
    for round in 0..10 {
        let mut batch = entries((0..50).map(|number| format!("during {round} {number}")));
        batch.push(days_old(round % 7, "an old id"));
        data.write(&index, &batch).await;
        written.extend(batch);
        assert_indexed(&index, &written).await;
    }
    wait_until_complete(&index).await;
    assert_indexed(&index, &written).await;
    wait_until("the old index is removed", async || data.generations() == ["2"]).await;
    running.stop().await;
    drop(index);
    let index = data.open().await;
    assert_indexed(&index, &written).await;
    assert!(index.index.rebuild().is_none());
}

#[tokio::test]
async fn a_rebuild_brings_the_index_in_line_with_the_store() {
    let data = DataDirectory::new().await;
    let index = data.open().await;
    let (both, indexed, stored) = (entries(["both"]), entries(["indexed"]), entries(["stored"]));
    data.write(&index, &both).await;
    index.add(&indexed).await.unwrap();
    data.store.insert(&stored).await.unwrap();
    request_rebuild(&data.url()).unwrap();
    let running = run(&index);
    wait_until("the rebuild begins", async || !index.index.is_rebuild_requested()).await;
    wait_until_complete(&index).await;
    assert_indexed(&index, &[both, stored].concat()).await;
    running.stop().await;
}

#[tokio::test]
async fn a_rebuild_requested_between_runs_begins_at_the_next_start() {
    let data = DataDirectory::new().await;
    let written = entries(["one", "two", "three"]);
    let index = data.open().await;
    data.write(&index, &written).await;
    drop(index);
    request_rebuild(&data.url()).unwrap();
    let index = data.open().await;
    assert!(!is_rebuild_requested(&data.url()).unwrap());
    assert!(!index.is_rebuilding() && index.index.rebuild().is_some());
    assert_eq!(data.generations(), ["1", "2"]);
    drop(index);
    let index = data.open().await;
    let running = run(&index);
    wait_until_complete(&index).await;
    assert_indexed(&index, &written).await;
    wait_until("the old index is removed", async || data.generations() == ["2"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_rebuild_begins_between_batches() {
    let data = DataDirectory::new().await;
    let index = data.open().await;
    let (before, in_batch) = (entries(["before"]), entries(["in the batch"]));
    data.write(&index, &before).await;
    let running = run(&index);
    let batch = running.batches.read().await;
    request_rebuild(&data.url()).unwrap();
    sleep(REQUEST_INTERVAL * 2).await;
    // If the rebuild had read the last id by now, it would lack the batch.
    assert!(index.index.is_rebuild_requested() && index.index.rebuild().is_none());
    data.write(&index, &in_batch).await;
    drop(batch);
    wait_until("the rebuild begins", async || !index.index.is_rebuild_requested()).await;
    wait_until_complete(&index).await;
    assert_indexed(&index, &[before, in_batch].concat()).await;
    running.stop().await;
}

#[tokio::test]
async fn the_first_write_wins_during_a_rebuild() {
    let data = DataDirectory::new().await;
    let first = entries(["first", "other"]);
    data.store.insert(&first).await.unwrap();
    let duplicate = [LogEntry { message: "second".to_owned(), ..first[0].clone() }];
    let index = data.open().await;
    assert!(index.index.rebuild().is_some());
    data.write(&index, &duplicate).await;
    let running = run(&index);
    wait_until_complete(&index).await;
    assert_indexed(&index, &first).await;
    running.stop().await;
}

#[tokio::test]
async fn a_rebuild_that_cannot_be_written_is_abandoned_and_the_index_is_kept() {
    let data = DataDirectory::new().await;
    let index = data.open().await;
    let mut written = entries(["before"]);
    data.write(&index, &written).await;
    request_rebuild(&data.url()).unwrap();
    drop(index);
    let index = data.open().await;
    let rebuild = index.index.rebuild().unwrap();
    for file in names(&data.path("2")).iter().filter(|name| *name != "state") {
        fs::remove_file(data.path("2").join(file)).unwrap();
    }
    fs::create_dir(data.path("2/.tantivy-writer.lock")).unwrap();
    let arriving = entries(["arrives"]);
    data.write(&index, &arriving).await;
    written.extend(arriving);
    assert!(index.index.rebuild().is_none() && rebuild.progress().is_none());
    assert_indexed(&index, &written).await;
    // Neither this process nor the next one may resume it.
    rebuild.advance(Class::DEFAULT, Some(written[0].id)).await.unwrap();
    drop((index, rebuild));
    let index = data.open().await;
    assert!(index.index.rebuild().is_none());
    assert_indexed(&index, &written).await;
    assert_eq!(data.generations(), ["1"]);
}

/// Ways to damage a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Missing,
    Empty,
    OtherContent,
    Truncated,
}

impl Damage {
    fn inflict(self, file: &Path) {
        let content = fs::read(file).unwrap();
        match self {
            Self::Missing => fs::remove_file(file),
            Self::Empty => fs::write(file, ""),
            Self::OtherContent => fs::write(file, [b'x'; 100]),
            Self::Truncated => fs::write(file, &content[..content.len() / 2]),
        }
        .unwrap();
    }
}

#[tokio::test]
async fn a_damaged_index_is_rebuilt() {
    let data = DataDirectory::new().await;
    let written = entries(["one", "two", "three"]);
    let index = data.open().await;
    data.write(&index, &written).await;
    drop(index);
    let intact = data.directory.path().join("intact");
    copy(&data.path(""), &intact);
    let files = names(&data.path("1"));
    assert!(files.len() > 8, "{files:?}");
    for file in files.iter().filter(|file| !file.starts_with('.')) {
        for damage in [Damage::Missing, Damage::Empty, Damage::OtherContent, Damage::Truncated] {
            if file == "format_version" && matches!(damage, Damage::Truncated) {
                // Truncating it removes only the line break.
                continue;
            }
            damage.inflict(&data.path("1").join(file));
            let index = data.open().await;
            assert!(index.is_rebuilding(), "{file}: {damage:?}");
            let running = run(&index);
            wait_until_complete(&index).await;
            assert_indexed(&index, &written).await;
            running.stop().await;
            drop(index);
            fs::remove_dir_all(data.path("")).unwrap();
            copy(&intact, &data.path(""));
        }
    }
}

#[tokio::test]
async fn an_index_of_version_1_is_rebuilt() {
    let data = DataDirectory::new().await;
    let written = entries(["one", "two"]);
    data.store.insert(&written).await.unwrap();
    fs::create_dir(data.path("")).unwrap();
    for (file, content) in [("meta.json", "{}"), ("format_version", "1\n"), (".managed.json", "")] {
        fs::write(data.path(file), content).unwrap();
    }
    let error = crate::index::open(&data.url()).await.err().unwrap().to_string();
    assert_eq!(
        error, "the index cannot be used: an older version of LogPulse wrote it",
        "the index must be kept if there is no store to rebuild it from"
    );
    assert!(data.path("meta.json").exists());
    let index = data.open().await;
    assert!(index.is_rebuilding());
    let running = run(&index);
    wait_until_complete(&index).await;
    assert_indexed(&index, &written).await;
    assert_eq!(names(&data.path("")), ["1", "format_version"]);
    running.stop().await;
}

#[tokio::test]
async fn an_unusable_index_is_kept_while_the_store_is_down() {
    let data = DataDirectory::new().await;
    let index = data.open().await;
    data.write(&index, &entries(["one"])).await;
    drop(index);
    fs::write(data.path("1/meta.json"), "").unwrap();
    let broken = Arc::new(crate::testing::Broken);
    let error = DerivedIndex::open(&data.url(), broken).await.err().unwrap();
    assert!(error.to_string().contains("the service is down"), "{error}");
    assert_eq!(data.generations(), ["1"]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let to = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &to);
        } else {
            fs::copy(item.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn entries_that_are_deleted_after_they_were_read_are_not_in_the_new_index() {
    let data = DataDirectory::new().await;
    let written = entries((0..50).map(|number| format!("number {number}")));
    let index = data.open().await;
    data.write(&index, &written).await;
    index.index.start(Some(written[49].id)).await.unwrap();
    let rebuild = index.index.rebuild().unwrap();
    let progress = rebuild.progress().unwrap();
    let deleted: Vec<EntryId> = written[..20].iter().map(|entry| entry.id).collect();
    // The rebuild has read the page, and adds it after the entries have been deleted.
    data.store.delete(&deleted).await.unwrap();
    index.delete(&Class::DEFAULT, &deleted).await.unwrap();
    index.add_page(&rebuild, progress, &written).await.unwrap();
    // These are deleted after the page has been added.
    let later: Vec<EntryId> = written[20..30].iter().map(|entry| entry.id).collect();
    data.store.delete(&later).await.unwrap();
    index.delete(&Class::DEFAULT, &later).await.unwrap();
    assert!(search_all(&index).await.0 == written[30..]);

    let running = run(&index);
    wait_until_complete(&index).await;

    assert!(search_all(&index).await.0 == written[30..]);
    running.stop().await;
}

#[tokio::test]
async fn entries_that_are_deleted_before_a_retry_are_not_in_the_new_index() {
    for deleted in [vec![0, 20, 48, 49], (0..50).collect()] {
        let data = DataDirectory::new().await;
        let written = entries((0..50).map(|number| format!("number {number}")));
        let index = data.open().await;
        data.write(&index, &written).await;
        index.index.start(Some(written[49].id)).await.unwrap();
        let deleted: Vec<EntryId> = deleted.into_iter().map(|number| written[number].id).collect();
        data.store.delete(&deleted).await.unwrap();
        index.delete(&Class::DEFAULT, &deleted).await.unwrap();
        // An attempt that read the entries earlier adds them now, and is then interrupted.
        add(&index.index.rebuild().unwrap(), &written).await.unwrap();

        let running = run(&index);
        wait_until_complete(&index).await;

        let kept = written.iter().filter(|entry| !deleted.contains(&entry.id));
        assert_indexed(&index, &kept.cloned().collect::<Vec<_>>()).await;
        running.stop().await;
    }
}
