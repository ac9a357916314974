//! The index in a local directory, built with tantivy.

mod aggregation;
mod alive;
mod checks;
mod column_paths;
mod deleting;
mod document;
mod format;
mod keyword;
mod messages;
mod opening;
mod page;
mod parts;
mod pieces;
mod query;
mod schema;
mod tokens;
mod word_list;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use async_trait::async_trait;
use tantivy::Directory;
use tantivy::directory::MmapDirectory;
use tantivy::schema::Value;
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{DocAddress, IndexReader, ReloadPolicy, Searcher, TantivyDocument, TantivyError};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::checks::Checks;
pub(super) use self::opening::Opened;
use self::page::Page;
use self::query::Target;
use self::schema::Fields;
use self::word_list::WordListPlugin;
use self::writer::Writer;
use super::{Index, SERVICE, Snapshot, VARIABLE, attributes_max};
use crate::aggregation::{Aggregates, Aggregation};
use crate::config::ConfigError;
use crate::config::url_options::UrlOptions;
use crate::error::{Error, Ready, Refused, Result, Source};
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::retention::Class;
use crate::search::{SearchHits, SearchQuery};

/// Limits a search, including the wait for a free core.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(10);

/// The level of zstd for entries. Compared with LZ4, it saves a seventh of the index, and checks of
/// quoted fragments take twice as long.
const LEVEL: i32 = 3;

/// The size of a block of entries before it is compressed. Larger blocks take less space, but to read
/// an entry, its whole block is decompressed.
const BLOCK_BYTES: usize = 32 * 1024;

/// The number of decompressed blocks of entries that are cached per segment.
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

/// Where an index is, and how it is built.
pub(super) struct Location {
    pub(super) path: PathBuf,
    /// The number of attributes that have columns on each day.
    pub(super) attributes_max: usize,
}

impl Location {
    /// Parses `tantivy:///path/to/directory`.
    pub(super) fn parse(url: &Url) -> std::result::Result<Self, ConfigError> {
        let options = UrlOptions::parse(VARIABLE, url, &["attributes"])?;
        let attributes_max = attributes_max(&options)?;
        let path = url.to_file_path().map_err(|()| {
            options
                .invalid("must name a directory by its absolute path, e.g. tantivy:///data/index")
        })?;
        Ok(Self { path, attributes_max })
    }
}

impl TantivyIndex {
    /// Opens the directory at `tantivy:///path/to/directory`, or creates it.
    #[cfg(test)]
    async fn open(url: &Url) -> anyhow::Result<Self> {
        let Location { path, attributes_max } = Location::parse(url)?;
        Ok(Self::new(spawn_blocking(move || Inner::open(&path, attributes_max)).await??))
    }

    fn new(inner: Inner) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { inner: Arc::new(inner), searches: Arc::new(Semaphore::new(cores)) }
    }

    fn view(&self) -> View {
        let searcher = self.inner.reader.searcher();
        View { inner: self.inner.clone(), searches: self.searches.clone(), searcher }
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

    async fn delete(&self, _: &Class, ids: &[EntryId]) -> Result<()> {
        let (inner, ids) = (self.inner.clone(), ids.to_vec());
        let deleted = spawn_blocking(move || inner.writer.delete(ids));
        deleted.await.map_err(classify_join)?.map_err(classify)
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        self.view().search(query).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(self.view()))
    }

    async fn days(&self, class: &Class) -> Result<BTreeSet<Day>> {
        let class = class.clone();
        let view = self.view();
        view.run(move |inner, searcher, _| {
            parts::days(searcher, inner.fields.part, &class).map_err(classify)
        })
        .await
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        let (inner, class) = (self.inner.clone(), class.clone());
        let dropped = spawn_blocking(move || inner.writer.drop_before(&class, first));
        dropped.await.map_err(classify_join)?.map_err(classify)
    }
}

/// The entries that were visible when it was created.
struct View {
    inner: Arc<Inner>,
    searches: Arc<Semaphore>,
    searcher: Searcher,
}

#[async_trait]
impl Snapshot for View {
    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        let query = query.clone();
        self.run(move |inner, searcher, checks| inner.search(searcher, &query, checks)).await
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Aggregates> {
        let aggregation = aggregation.clone();
        self.run(move |inner, searcher, checks| {
            let target = Target { fields: &inner.fields, searcher };
            aggregation::aggregate(target, &aggregation, checks)
        })
        .await
    }

    async fn attributes(&self) -> Result<Vec<String>> {
        self.run(|inner, searcher, _| {
            column_paths::all(searcher, inner.fields.column_paths).map_err(classify)
        })
        .await
    }
}

impl View {
    /// Runs a search on a blocking thread when a core is free.
    async fn run<T: Send + 'static>(
        &self,
        search: impl FnOnce(&Inner, &Searcher, Checks) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (inner, searcher) = (self.inner.clone(), self.searcher.clone());
        let cancelled = CancellationToken::new();
        // Ends the checks of messages if the caller stops waiting.
        let _cancel = cancelled.clone().drop_guard();
        let search = async {
            let permit = self.searches.clone().acquire_owned().await.map_err(unavailable)?;
            let search = spawn_blocking(move || {
                let _permit = permit;
                search(&inner, &searcher, Checks::new(cancelled))
            });
            search.await.map_err(classify_join)?
        };
        timeout(SEARCH_TIMEOUT, search).await.map_err(unavailable)?
    }
}

impl Inner {
    /// Opens the directory, or creates it.
    fn open(path: &Path, attributes_max: usize) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path)?;
        format::check(path)?;
        let (schema, fields) = Fields::with_schema();
        let settings = tantivy::IndexSettings {
            docstore_compression: Compressor::Zstd(ZstdCompressor {
                compression_level: Some(LEVEL),
            }),
            docstore_blocksize: BLOCK_BYTES,
            docstore_compress_dedicated_thread: false,
            ..tantivy::IndexSettings::default()
        };
        let index = tantivy::Index::builder()
            .schema(schema)
            .settings(settings)
            .tokenizers(tokens::tokenizers())
            .register_plugin(Arc::new(WordListPlugin { fields: fields.listed() }))
            .open_or_create(MmapDirectory::open(path)?)?;
        // A killed process may have left a commit that is visible but not yet on disk.
        index.directory().sync_directory()?;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(CACHED_BLOCKS)
            .try_into()?;
        let writer = Writer::new(index, reader.clone(), fields, attributes_max);
        Ok(Self { fields, reader, writer })
    }

    fn search(
        &self,
        searcher: &Searcher,
        query: &SearchQuery,
        checks: Checks,
    ) -> Result<SearchHits> {
        let target = Target { fields: &self.fields, searcher };
        let plan = query::plan(target, query.sort, &query.condition, Arc::new(checks))?;
        let page = Page::collect(target, &plan, query).map_err(classify)?;
        plan.checks.result()?;
        let total = page.total;
        let addresses = page.into_addresses();
        let mut loaded = load_ahead(target, &addresses)?;
        let found = addresses
            .into_iter()
            .map(|address| loaded.remove(&address).map_or_else(|| entry(target, address), Ok));
        SearchHits::page(query, total, found)
    }
}

/// Loads entries in the order in which they are stored, so that each block is decompressed once.
/// Those beyond twice the maximum size of a page are left out.
fn load_ahead(
    target: Target<'_>,
    addresses: &[DocAddress],
) -> Result<HashMap<DocAddress, (LogEntry, usize)>> {
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    let mut loaded = HashMap::with_capacity(addresses.len());
    let mut bytes = 0;
    for address in addresses {
        let (entry, size) = entry(target, address)?;
        loaded.insert(address, (entry, size));
        bytes += size;
        if bytes > 2 * SearchHits::MAX_BYTES {
            break;
        }
    }
    Ok(loaded)
}

/// Loads an entry, and the size of its JSON.
fn entry(target: Target<'_>, address: DocAddress) -> Result<(LogEntry, usize)> {
    let parse = |json: &str| (LogEntry::from_json(json.as_bytes()), json.len());
    let (entry, size) = with_json(target, address, parse).map_err(classify)?;
    Ok((entry.map_err(unavailable)?, size))
}

/// Loads the JSON of an entry, which is passed to `read` without being copied.
fn with_json<T>(
    target: Target<'_>,
    address: DocAddress,
    read: impl FnOnce(&str) -> T,
) -> tantivy::Result<T> {
    let document: TantivyDocument = target.searcher.doc(address)?;
    let json = document.get_first(target.fields.entry).and_then(|value| value.as_str());
    Ok(read(json.unwrap_or_default()))
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
