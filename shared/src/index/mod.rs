//! The index: entries found by their text, service, level and time.
//! Adapters: tantivy (embedded), OpenSearch (cluster).

#[cfg(feature = "opensearch")]
mod opensearch;
#[cfg(feature = "tantivy")]
mod tantivy;

use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

use crate::config::unknown_scheme;
use crate::error::{Ready, Refused, Result};
use crate::log_entry::LogEntry;
use crate::search::{SearchHits, SearchQuery};

/// Where entries are found by what they say.
///
/// # Contract
/// * When `add` returns, every entry that it did not refuse is durable, and is found by `search`
///   within a second.
/// * It is idempotent by id: the first entry with an id stays, whatever comes later.
/// * An entry that the index will never take is refused alone; the others are added. What only one
///   value cannot hold (a word beyond the term limit) is left out of the index, not the entry.
#[async_trait]
pub trait Index: Ready {
    /// Adds the entries; answers those that can never be added.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the index does not answer or has no
    /// room: any part of the entries may be added, add them all again.
    /// [`Error::Failed`](crate::Error::Failed) when that, or one of the entries, is why.
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>>;

    /// Answers a page of hits, whole entries as they were added: as many as the query asks for and
    /// [`SearchHits::MAX_BYTES`] has room for, at least one.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the index does not answer.
    async fn search(&self, query: &SearchQuery) -> Result<SearchHits>;
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

/// Opens the index that the URL names.
///
/// * `tantivy:///path/to/folder`: a folder of this machine. One process at a time may write to it.
/// * `http://host:9200` or `https://user:password@host:9200`: OpenSearch, with one index a day of
///   arrival. `prefix` (default `logs-`) begins the names of the indexes, `shards` (1) and
///   `replicas` (0) are theirs from the next day on. It need not be there yet.
///
/// # Errors
/// When the scheme is unknown, or the index cannot be opened or created.
pub async fn open(url: &Url) -> anyhow::Result<Arc<dyn Index>> {
    match url.scheme() {
        #[cfg(feature = "tantivy")]
        "tantivy" => Ok(Arc::new(tantivy::TantivyIndex::open(url).await?)),
        #[cfg(feature = "opensearch")]
        "http" | "https" => Ok(Arc::new(opensearch::OpenSearchIndex::open(url)?)),
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}
