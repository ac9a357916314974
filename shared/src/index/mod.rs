//! The index: finds entries by conditions on text, fields, attributes and time. Adapters: tantivy
//! (embedded) and OpenSearch (cluster).

#[cfg(feature = "tantivy")]
pub mod embedded;
#[cfg(any(feature = "opensearch", feature = "tantivy"))]
mod missing_columns;
#[cfg(feature = "opensearch")]
pub mod opensearch;
#[cfg(feature = "tantivy")]
mod tantivy;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

use crate::aggregation::{Aggregates, Aggregation};
use crate::config::url_options::unknown_scheme;
#[cfg(any(feature = "opensearch", feature = "tantivy"))]
use crate::config::{
    ConfigError, DEFAULT_INDEX_ATTRIBUTES_MAX, HIGHEST_INDEX_ATTRIBUTES_MAX,
    url_options::UrlOptions,
};
use crate::error::{Ready, Refused, Result};
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::retention::Class;
use crate::search::{SearchHits, SearchQuery};

/// Makes entries searchable.
///
/// # Contract
/// * When `add` returns, every entry that it did not refuse is durable, and visible to `search`
///   within a second.
/// * Adding is idempotent by id: the first write wins.
/// * When `delete` returns, the entries are durably gone, and invisible to `search` within a second.
///   The index does not remember them: they can be added again.
/// * An entry that the index will never accept is refused on its own; the others are added. A value
///   that cannot be indexed (a word beyond the term limit) is left out, and its entry is added.
#[async_trait]
pub trait Index: Ready {
    /// Adds the entries and returns those that can never be added.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the index does not respond or is
    /// full, [`Error::Failed`](crate::Error::Failed) when either the index or an entry may be the
    /// cause. Some of the entries may have been added: add all of them again.
    /// [`Error::Rejected`](crate::Error::Rejected) when the index will never accept the batch.
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>>;

    /// Deletes the entries of the class with these ids. Ids that the index does not have are ignored.
    /// It can be repeated after an error.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the index does not respond.
    async fn delete(&self, class: &Class, ids: &[EntryId]) -> Result<()>;

    /// Returns a page of hits: as many whole entries as the query asks for and as fit in
    /// [`SearchHits::MAX_BYTES`], but at least one if there are any.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the index does not respond,
    /// [`Error::Rejected`](crate::Error::Rejected) when the query can never succeed.
    async fn search(&self, query: &SearchQuery) -> Result<SearchHits>;

    /// Opens a view of the entries that are searchable now.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the index does not respond.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>>;

    /// Returns the days of which the index has entries of the class.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the index does not respond.
    async fn days(&self, class: &Class) -> Result<BTreeSet<Day>>;

    /// Drops the days of the class before `first`, and frees their space. It can be repeated after
    /// an error. The index does not remember them: entries of these days can be added again.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the index does not respond.
    async fn drop_before(&self, class: &Class, first: Day) -> Result<()>;

    /// Makes one past day smaller if it consists of many pieces. It returns before that is done, and
    /// is called again and again. An index that always does so by itself does nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the index does not respond.
    async fn merge_past(&self, _today: Day) -> Result<()> {
        Ok(())
    }
}

/// A view of an index at one point in time: the pages of a search contain neither gaps nor entries
/// that were added meanwhile. Dropping it releases its resources. It may expire if it is not
/// searched for five minutes.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// Returns a page of hits as [`Index::search`] does.
    ///
    /// # Errors
    /// Those of [`Index::search`]; [`Error::Unavailable`](crate::Error::Unavailable) also when the
    /// view has expired or its index has been replaced.
    async fn search(&self, query: &SearchQuery) -> Result<SearchHits>;

    /// Computes counts and statistics of the entries that meet a condition.
    ///
    /// # Errors
    /// Those of [`Snapshot::search`]; [`Error::Rejected`](crate::Error::Rejected) also when a result
    /// depends on an attribute that has no column on the day of an entry.
    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Aggregates>;

    /// Returns the paths of the attributes that have columns, sorted.
    ///
    /// # Errors
    /// Those of [`Snapshot::search`].
    async fn attributes(&self) -> Result<Vec<String>>;
}

/// The reason why a range on an attribute, or a statistic of it, is rejected.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct MissingColumn {
    /// The attribute's path.
    pub path: String,
    /// The days without a column, and what to do.
    pub detail: String,
}

/// The name of the port in errors.
#[cfg(any(feature = "opensearch", feature = "tantivy"))]
const SERVICE: &str = "index";

/// The error for a search that would take too long because it must read the messages themselves.
#[cfg(any(feature = "opensearch", feature = "tantivy"))]
fn too_costly() -> crate::Error {
    const REASON: &str = "too costly, because too many or too long messages would have to be read; \
        limit from, to, service_name or level, add words, or extend the text in quotes";
    crate::Error::rejected(SERVICE, REASON)
}

/// The variable that holds the index's URL.
const VARIABLE: &str = "INDEX_URL";

const SCHEMES: &[&str] = &[
    #[cfg(feature = "opensearch")]
    "http",
    #[cfg(feature = "opensearch")]
    "https",
    #[cfg(feature = "tantivy")]
    "tantivy",
];

/// Reads the option `attributes`: the number of attributes that support ranges on each day.
#[cfg(any(feature = "opensearch", feature = "tantivy"))]
fn attributes_max(options: &UrlOptions) -> std::result::Result<usize, ConfigError> {
    let attributes_max = options.number("attributes", 0..=HIGHEST_INDEX_ATTRIBUTES_MAX)?;
    Ok(attributes_max.unwrap_or(DEFAULT_INDEX_ATTRIBUTES_MAX))
}

/// Opens the index at this URL.
///
/// * `tantivy:///path/to/directory`: a local directory, created if it does not exist. Only one
///   process at a time may write to it. `attributes` (200, at most 5,000) is the number of
///   attributes that support ranges on each day.
/// * `http://host:9200` or `https://user:password@host:9200`: OpenSearch, with one index per day of
///   arrival. Index names start with `prefix` (default `logs-`); `shards` (1), `replicas` (0) and
///   `attributes` (200, as above) apply to indexes created from then on. OpenSearch may be down
///   when the index is opened.
///
/// # Errors
/// When the URL is invalid, or the directory cannot be opened or created.
pub async fn open(url: &Url) -> anyhow::Result<Arc<dyn Index>> {
    match url.scheme() {
        #[cfg(feature = "tantivy")]
        "tantivy" => Ok(Arc::new(embedded::EmbeddedIndex::open(url, without_store).await?)),
        #[cfg(feature = "opensearch")]
        "http" | "https" => Ok(Arc::new(opensearch::OpenSearchIndex::open(url)?)),
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}

/// Without a store to build from, a missing index is created empty, and an unusable one is an
/// error.
#[cfg(feature = "tantivy")]
async fn without_store(cause: &embedded::Cause) -> anyhow::Result<Option<EntryId>> {
    anyhow::ensure!(matches!(cause, embedded::Cause::Missing), "{cause}");
    Ok(None)
}
