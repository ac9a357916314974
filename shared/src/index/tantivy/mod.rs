//! The index in a local directory, built with tantivy.

mod format;
mod page;
mod query;
mod schema;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use tantivy::Directory;
use tantivy::directory::MmapDirectory;
use tantivy::schema::Value;
use tantivy::{DocAddress, IndexReader, ReloadPolicy, Searcher, TantivyDocument, TantivyError};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;
use url::Url;

use self::page::Page;
use self::schema::Fields;
use self::writer::Writer;
use super::{Index, SERVICE, VARIABLE};
use crate::config::url_options::UrlOptions;
use crate::error::{Error, Ready, Refused, Result, Source};
use crate::log_entry::LogEntry;
use crate::search::{SearchHits, SearchQuery};

/// Limits a search, including the wait for a free core.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Decompressed blocks of entries (16 kB each) that are cached per segment.
const CACHED_BLOCKS: usize = 8;

/// An [`Index`] in a directory. New entries are visible only to the process that adds them; another
/// process sees the directory as it was when it opened it.
pub(super) struct TantivyIndex {
    inner: Arc<Inner>,
    /// One search per core: more would compete for the same cores and use more memory.
    searches: Arc<Semaphore>,
}

/// The state that blocking threads share. They own it, so that they can finish their work after
/// the caller has stopped waiting.
struct Inner {
    fields: Fields,
    reader: IndexReader,
    writer: Writer,
}

impl TantivyIndex {
    /// Opens the directory at `tantivy:///path/to/directory`, or creates it.
    pub(super) async fn open(url: &Url) -> anyhow::Result<Self> {
        let options = UrlOptions::parse(VARIABLE, url, &[])?;
        let path = url.to_file_path().map_err(|()| {
            options
                .invalid("must name a directory by its absolute path, e.g. tantivy:///data/index")
        })?;
        let inner = spawn_blocking(move || {
            Inner::open(&path).with_context(|| format!("opening the index {}", path.display()))
        });
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self { inner: Arc::new(inner.await??), searches: Arc::new(Semaphore::new(cores)) })
    }
}

#[async_trait]
impl Ready for TantivyIndex {
    async fn ready(&self) -> Result<()> {
        if self.inner.writer.has_failed() {
            return Err(unavailable("the last batch was not added"));
        }
        Ok(())
    }
}

#[async_trait]
impl Index for TantivyIndex {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let (inner, entries) = (self.inner.clone(), entries.to_vec());
        let added = spawn_blocking(move || inner.writer.add(&entries));
        added.await.map_err(classify_join)?.map_err(classify)?;
        Ok(Vec::new())
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        let (inner, query) = (self.inner.clone(), query.clone());
        let search = async {
            let permit = self.searches.clone().acquire_owned().await.map_err(unavailable)?;
            let search = spawn_blocking(move || {
                let _permit = permit;
                inner.search(&query)
            });
            search.await.map_err(classify_join)?
        };
        timeout(SEARCH_TIMEOUT, search).await.map_err(unavailable)?
    }
}

impl Inner {
    fn open(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path)?;
        format::check(path)?;
        let (schema, fields) = Fields::with_schema();
        let settings = tantivy::IndexSettings {
            docstore_compress_dedicated_thread: false,
            ..tantivy::IndexSettings::default()
        };
        let index = tantivy::Index::builder()
            .schema(schema)
            .settings(settings)
            .tokenizers(schema::tokenizers())
            .open_or_create(MmapDirectory::open(path)?)?;
        // A killed process may have left a commit that is visible but not yet on disk.
        index.directory().sync_directory()?;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(CACHED_BLOCKS)
            .try_into()?;
        Ok(Self { writer: Writer::new(index, reader.clone(), fields), fields, reader })
    }

    fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        let searcher = self.reader.searcher();
        let tantivy_query = query::build(&self.fields, query).map_err(classify)?;
        let page = Page::collect(&searcher, tantivy_query.as_ref(), query).map_err(classify)?;
        let total = page.total;
        let found = page.into_addresses().into_iter().map(|address| {
            let json = self.entry_json(&searcher, address)?;
            let entry = LogEntry::from_json(&json).map_err(unavailable)?;
            Ok((entry, json.len()))
        });
        SearchHits::page(query, total, found)
    }

    /// The JSON of an entry, as it was added.
    fn entry_json(&self, searcher: &Searcher, address: DocAddress) -> Result<Vec<u8>> {
        let document: TantivyDocument = searcher.doc(address).map_err(classify)?;
        let json = document.get_first(self.fields.entry).and_then(|value| value.as_bytes());
        Ok(json.unwrap_or_default().to_vec())
    }
}

/// An invalid argument is rejected. Every other error is about the directory: it is full, damaged
/// or not writable.
fn classify(error: TantivyError) -> Error {
    match error {
        TantivyError::InvalidArgument(_) => Error::rejected(SERVICE, error),
        _ => unavailable(error),
    }
}

/// A blocking thread panicked on its input, or the runtime is shutting down.
fn classify_join(error: JoinError) -> Error {
    if error.is_panic() {
        return Error::rejected(SERVICE, error);
    }
    unavailable(error)
}

fn unavailable(source: impl Into<Source>) -> Error {
    Error::unavailable(SERVICE, source)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::search::Sort;
    use crate::testing::entries;

    async fn open(directory: &TempDir) -> TantivyIndex {
        let url = format!("tantivy://{}/index", directory.path().display());
        TantivyIndex::open(&url.parse().unwrap()).await.unwrap()
    }

    async fn all_messages(index: &TantivyIndex) -> Vec<String> {
        let query = SearchQuery { sort: Sort::Oldest, limit: 100, ..SearchQuery::default() };
        let hits = index.search(&query).await.unwrap();
        hits.entries.into_iter().map(|hit| hit.message).collect()
    }

    #[tokio::test]
    async fn entries_survive_reopening_and_the_first_write_still_wins() {
        let directory = TempDir::new().unwrap();
        let mut added = entries(["one", "two"]);
        open(&directory).await.add(&added).await.unwrap();

        let index = open(&directory).await;
        assert_eq!(all_messages(&index).await, ["one", "two"]);
        "changed".clone_into(&mut added[0].message);
        index.add(&added).await.unwrap();
        assert_eq!(all_messages(&index).await, ["one", "two"]);
    }

    #[tokio::test]
    async fn a_failed_batch_can_be_added_once_the_directory_recovers() {
        let directory = TempDir::new().unwrap();
        let (path, moved) = (directory.path().join("index"), directory.path().join("moved"));
        let index = open(&directory).await;
        index.add(&entries(["one"])).await.unwrap();
        let added = entries(["two", "three"]);

        std::fs::rename(&path, &moved).unwrap();
        for _ in 0..2 {
            let error = index.add(&added).await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
            assert!(index.ready().await.is_err());
        }
        assert_eq!(all_messages(&index).await, ["one"]);

        std::fs::rename(&moved, &path).unwrap();
        index.add(&added).await.unwrap();
        assert!(index.ready().await.is_ok());
        assert_eq!(all_messages(&index).await, ["one", "two", "three"]);
    }

    #[tokio::test]
    async fn small_batches_are_merged_and_still_found() {
        let directory = TempDir::new().unwrap();
        let index = open(&directory).await;
        for _ in 0..40 {
            index.add(&entries(["one"])).await.unwrap();
        }
        assert_eq!(all_messages(&index).await.len(), 40);
        let segments = index.inner.reader.searcher().segment_readers().len();
        assert!(segments < 40, "{segments} segments");
    }

    #[tokio::test]
    async fn an_index_without_a_version_opens_and_a_newer_one_is_refused() {
        let directory = TempDir::new().unwrap();
        let index = open(&directory).await;
        index.add(&entries(["one"])).await.unwrap();
        drop(index);
        let version = directory.path().join("index/format_version");
        std::fs::remove_file(&version).unwrap();
        assert_eq!(all_messages(&open(&directory).await).await, ["one"]);

        std::fs::write(version, "2\n").unwrap();
        let url = format!("tantivy://{}/index", directory.path().display());
        let error = TantivyIndex::open(&url.parse().unwrap()).await.err().unwrap();
        let error = format!("{error:#}");
        assert!(error.contains("was written by a newer version of LogPulse"), "{error}");
        assert!(error.contains("/index was written"), "{error}");
    }

    #[tokio::test]
    async fn a_relative_path_is_rejected() {
        let url = "tantivy:relative".parse().unwrap();
        let error = TantivyIndex::open(&url).await.err().unwrap();
        assert!(error.to_string().contains("INDEX_URL"), "{error}");
    }
}
