//! The contract of the index, one topic per file.

mod adding;
mod aggregation;
mod agreement;
mod columns;
mod deletion;
mod expiry;
mod fuzzy;
mod generators;
mod matching;
mod paging;
mod queries;
mod snapshots;

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::error::{Error, Refused};
use shared::index::{self, Index};
use shared::query::{self, Condition};
use shared::search::{SearchHits, SearchQuery, Sort};
use shared::{LogEntry, Timestamp};
use tempfile::TempDir;
use url::Url;

/// The contract allows one second, but a busy machine may take longer.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(5);

/// A new, empty index.
struct Fixture {
    url: Url,
    /// Deletes the index after the test.
    _cleanup: Cleanup,
}

#[expect(dead_code, reason = "dropping the value cleans up")]
enum Cleanup {
    Directory(TempDir),
    OpenSearch(crate::opensearch::Prefix),
}

fn tantivy() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("tantivy://{}/index", directory.path().display());
    Fixture { url: url.parse().unwrap(), _cleanup: Cleanup::Directory(directory) }
}

fn opensearch() -> Fixture {
    let prefix = crate::opensearch::Prefix::unique();
    Fixture { url: prefix.url(), _cleanup: Cleanup::OpenSearch(prefix) }
}

impl Fixture {
    async fn open(&self) -> Arc<dyn Index> {
        index::open(&self.url).await.unwrap()
    }
}

/// Adds entries, all of them new, and waits until they are visible.
async fn add(index: &dyn Index, entries: &[LogEntry]) {
    let before = total(index).await;
    assert_eq!(add_with_retries(index, entries).await, []);
    // `total` returns one more than the maximum for every total above it.
    wait_for_total(index, (before + entries.len() as u64).min(SearchHits::MAX_TOTAL + 1)).await;
}

/// Adds entries as a consumer does: retries while the index is unavailable, as OpenSearch briefly
/// is when its heap is full.
async fn add_with_retries(index: &dyn Index, entries: &[LogEntry]) -> Vec<Refused> {
    for _ in 0..10 {
        match index.add(entries).await {
            Err(Error::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(200)).await,
            added => return added.unwrap(),
        }
    }
    index.add(entries).await.unwrap()
}

/// Waits until at least `count` entries are visible.
async fn wait_for_total(index: &dyn Index, count: u64) {
    let deadline = Instant::now() + VISIBILITY_TIMEOUT;
    while total(index).await < count {
        assert!(Instant::now() < deadline, "{count} entries were not visible in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn total(index: &dyn Index) -> u64 {
    let everything = SearchQuery::new(Condition::everything(), 1);
    let hits = index.search(&everything).await.unwrap();
    hits.total + u64::from(!hits.total_is_exact)
}

async fn messages(index: &dyn Index, query: &SearchQuery) -> Vec<String> {
    let hits = index.search(query).await.unwrap();
    hits.entries.into_iter().map(|hit| hit.message).collect()
}

/// A query for the first hundred hits, oldest first.
fn text(text: &str) -> SearchQuery {
    SearchQuery { sort: Sort::Oldest, ..SearchQuery::new(condition(text, false), 100) }
}

fn condition(text: &str, fuzzy: bool) -> Condition {
    query::parse(text, fuzzy, Timestamp::now()).unwrap()
}

fn fuzzy(words: &str) -> SearchQuery {
    SearchQuery { condition: condition(words, true), ..text("") }
}

fn by_relevance(query: SearchQuery) -> SearchQuery {
    SearchQuery { sort: Sort::Relevance, ..query }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}
