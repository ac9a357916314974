//! The index in a folder of this machine, by tantivy.
//! Writing, searching and the shape of an entry each have a file; here they become the port.

mod page;
mod query;
mod schema;
mod writer;

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
use super::{Index, VARIABLE};
use crate::config::UrlOptions;
use crate::error::{Error, Ready, Refused, Result, Source};
use crate::log_entry::LogEntry;
use crate::search::{SearchHits, SearchQuery};

const SERVICE: &str = "index";

/// How long a search may take, with its turn.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(10);

/// How many decompressed blocks (16 kB) of entries are kept a segment.
const CACHED_BLOCKS: usize = 8;

/// An [`Index`] in a folder. The process that adds is the only one that sees what it added: another
/// one sees the folder as it was when it opened it.
pub(super) struct TantivyIndex {
    parts: Arc<Parts>,
    /// A search keeps a core busy: more at once than cores would only be slower, and take memory.
    searches: Arc<Semaphore>,
}

/// What the blocking threads work with. They own it, so that they finish what was begun even if
/// nobody waits for it any more.
struct Parts {
    fields: Fields,
    reader: IndexReader,
    writer: Writer,
}

impl TantivyIndex {
    /// Opens the folder that the URL names, and makes it if it is not there.
    pub(super) async fn open(url: &Url) -> anyhow::Result<Self> {
        let options = UrlOptions::parse(VARIABLE, url, &[])?;
        let folder = url.to_file_path().map_err(|()| {
            options
                .invalid("must name a directory by its absolute path, e.g. tantivy:///data/index")
        })?;
        let parts = spawn_blocking(move || {
            Parts::open(&folder).with_context(|| format!("opening the index {}", folder.display()))
        });
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self { parts: Arc::new(parts.await??), searches: Arc::new(Semaphore::new(cores)) })
    }
}

#[async_trait]
impl Ready for TantivyIndex {
    async fn ready(&self) -> Result<()> {
        if self.parts.writer.has_failed() {
            return Err(unavailable("the last entries could not be added"));
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
        let (parts, entries) = (self.parts.clone(), entries.to_vec());
        spawn_blocking(move || parts.writer.add(&entries))
            .await
            .map_err(stopped)?
            .map_err(failed)?;
        Ok(Vec::new())
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        let (parts, query) = (self.parts.clone(), query.clone());
        let search = async {
            let permit = self.searches.clone().acquire_owned().await.map_err(unavailable)?;
            let search = spawn_blocking(move || {
                let _permit = permit;
                parts.search(&query)
            });
            search.await.map_err(stopped)?
        };
        timeout(SEARCH_TIMEOUT, search).await.map_err(unavailable)?
    }
}

impl Parts {
    fn open(folder: &std::path::Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (schema, fields) = Fields::with_schema();
        let settings = tantivy::IndexSettings {
            docstore_compress_dedicated_thread: false,
            ..tantivy::IndexSettings::default()
        };
        let index = tantivy::Index::builder()
            .schema(schema)
            .settings(settings)
            .tokenizers(schema::tokenizers())
            .open_or_create(MmapDirectory::open(folder)?)?;
        // What a killed process committed counts as added from now on: let it be on the disk.
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
        let tantivy_query = query::build(&self.fields, query).map_err(failed)?;
        let page = Page::gather(&searcher, tantivy_query.as_ref(), query).map_err(failed)?;
        let total = page.total;
        let found = page.into_addresses().into_iter().map(|address| {
            let json = self.entry(&searcher, address)?;
            let entry = LogEntry::from_json(&json).map_err(unavailable)?;
            Ok((entry, json.len()))
        });
        SearchHits::page(query, total, found)
    }

    /// The JSON of an entry, as it was added.
    fn entry(&self, searcher: &Searcher, address: DocAddress) -> Result<Vec<u8>> {
        let document: TantivyDocument = searcher.doc(address).map_err(failed)?;
        let json = document.get_first(self.fields.entry).and_then(|value| value.as_bytes());
        Ok(json.unwrap_or_default().to_vec())
    }
}

/// Sorts what tantivy says. All but a wrong argument is about the folder: no room, no right, broken.
fn failed(error: TantivyError) -> Error {
    match error {
        TantivyError::InvalidArgument(_) => Error::rejected(SERVICE, error),
        _ => unavailable(error),
    }
}

/// A blocking thread panicked over what it was given, or the runtime is about to end.
fn stopped(error: JoinError) -> Error {
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
    use crate::log_entry::{Arrival, NewLogEntry, Timestamp};
    use crate::search::Sort;

    fn entries(messages: &[&str]) -> Vec<LogEntry> {
        let arrival = Arrival::new(Timestamp::now());
        let arrived = (0..).zip(messages).map(|(position, message)| {
            let json = format!(r#"{{"service":"test","message":"{message}"}}"#);
            let entry = NewLogEntry::from_json(json.as_bytes()).unwrap();
            entry.arrive(&arrival, position).unwrap()
        });
        arrived.collect()
    }

    async fn open(folder: &TempDir) -> TantivyIndex {
        let url = format!("tantivy://{}/index", folder.path().display());
        TantivyIndex::open(&url.parse().unwrap()).await.unwrap()
    }

    async fn everything(index: &TantivyIndex) -> Vec<String> {
        let query = SearchQuery { sort: Sort::Oldest, limit: 100, ..SearchQuery::default() };
        let hits = index.search(&query).await.unwrap();
        hits.entries.into_iter().map(|hit| hit.message).collect()
    }

    #[tokio::test]
    async fn entries_are_there_after_opening_again_and_the_first_of_an_id_stays() {
        let folder = TempDir::new().unwrap();
        let mut added = entries(&["one", "two"]);
        open(&folder).await.add(&added).await.unwrap();

        let index = open(&folder).await;
        assert_eq!(everything(&index).await, ["one", "two"]);
        "changed".clone_into(&mut added[0].message);
        index.add(&added).await.unwrap();
        assert_eq!(everything(&index).await, ["one", "two"]);
    }

    #[tokio::test]
    async fn a_batch_that_failed_can_be_added_when_the_folder_takes_it_again() {
        let folder = TempDir::new().unwrap();
        let (here, away) = (folder.path().join("index"), folder.path().join("away"));
        let index = open(&folder).await;
        index.add(&entries(&["one"])).await.unwrap();
        let added = entries(&["two", "three"]);

        std::fs::rename(&here, &away).unwrap();
        for _ in 0..2 {
            let error = index.add(&added).await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
            assert!(index.ready().await.is_err());
        }
        assert_eq!(everything(&index).await, ["one"]);

        std::fs::rename(&away, &here).unwrap();
        index.add(&added).await.unwrap();
        assert!(index.ready().await.is_ok());
        assert_eq!(everything(&index).await, ["one", "two", "three"]);
    }

    #[tokio::test]
    async fn small_batches_are_merged_and_stay_found() {
        let folder = TempDir::new().unwrap();
        let index = open(&folder).await;
        for _ in 0..40 {
            index.add(&entries(&["one"])).await.unwrap();
        }
        assert_eq!(everything(&index).await.len(), 40);
        let segments = index.parts.reader.searcher().segment_readers().len();
        assert!(segments < 40, "{segments} segments");
    }

    #[tokio::test]
    async fn another_url_is_refused() {
        let url = "tantivy:relative".parse().unwrap();
        let error = TantivyIndex::open(&url).await.err().unwrap();
        assert!(error.to_string().contains("INDEX_URL"), "{error}");
    }
}
