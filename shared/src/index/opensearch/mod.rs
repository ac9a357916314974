//! The index in an OpenSearch cluster: one index per class and day of arrival.

mod aggregation;
mod bulk;
mod columns;
mod day_index;
mod days;
mod deleting;
mod document;
mod earlier_releases;
mod expiry;
mod hits;
mod mapping;
mod merging;
mod point_in_time;
mod query;
mod ranges;
mod rebuild;
mod response;
mod settings;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use opensearch::cert::CertificateValidation;
use opensearch::http::StatusCode;
use opensearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use opensearch::params::SearchType;
use opensearch::{OpenSearch, SearchParts};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use url::Url;

use self::bulk::Outcomes;
use self::days::DailyIndexes;
use self::point_in_time::PointInTime;
pub use self::rebuild::DayRebuild;
use self::response::{Failure, successful_body};
use self::settings::IndexSettings;
use super::{Index, SERVICE, Snapshot, VARIABLE, too_costly};
use crate::config::url_options::unknown_scheme;
use crate::error::{Error, Ready, Refused, Result, Source};
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::query::{Leaf, leaves};
use crate::retention::Class;
use crate::search::{Cursor, SearchHits, SearchQuery, Sort};

const ADD_TIMEOUT: Duration = Duration::from_secs(30);
const SEARCH_TIMEOUT: Duration = Duration::from_secs(10);
const READINESS_TIMEOUT: Duration = Duration::from_secs(2);

/// The number of hits to request before their size is known. At their maximum size, they fit in the
/// memory of a container.
const FIRST_HITS: usize = 100;

/// How long OpenSearch waits for a writable shard, or for all nodes to apply a change of aliases:
/// less than [`ADD_TIMEOUT`], so that it responds in time.
const SHARD_TIMEOUT: &str = "20s";

/// The pauses before a search that received a 503 or lacked shards is retried. Both happen for a
/// few milliseconds while the shards of a new day's index open, and when a rebuilt index replaces
/// the previous one.
const RETRY_PAUSES_MILLIS: [u64; 4] = [50, 100, 200, 400];

/// Whether this is the URL of an index in OpenSearch.
fn is_opensearch(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// An [`Index`] in OpenSearch. It connects on the first request.
#[derive(Clone)]
pub struct OpenSearchIndex {
    client: OpenSearch,
    indexes: Arc<DailyIndexes>,
    has_warned: Arc<OnceCell<()>>,
}

impl OpenSearchIndex {
    /// Opens the index at `http://host:9200?prefix=…&shards=…&replicas=…&attributes=…`.
    ///
    /// # Errors
    /// When the URL is invalid.
    pub fn open(url: &Url) -> anyhow::Result<Self> {
        ensure!(is_opensearch(url), unknown_scheme(VARIABLE, url, &["http", "https"]));
        let settings = IndexSettings::parse(url)?;
        let mut address = url.clone();
        address.set_query(None);
        let mut transport = TransportBuilder::new(SingleNodeConnectionPool::new(address))
            .disable_proxy()
            .timeout(ADD_TIMEOUT);
        if url.scheme() == "http" {
            // Without TLS there is nothing to validate, and a client that validates does not start
            // in a container without system certificates.
            transport = transport.cert_validation(CertificateValidation::None);
        }
        let transport = transport.build().context("creating the OpenSearch client")?;
        Ok(Self {
            client: OpenSearch::new(transport),
            indexes: Arc::new(DailyIndexes::new(settings)),
            has_warned: Arc::default(),
        })
    }

    /// Adds all entries, in as many requests as necessary.
    async fn add_all(&self, entries: &[LogEntry], leaves: &[Vec<Leaf>]) -> Result<Outcomes> {
        let days =
            self.indexes.prepare(&self.client, entries, leaves).await.map_err(unavailable)?;
        bulk::add(&self.client, &days, entries, leaves).await
    }

    /// Searches the indexes, or `point_in_time` if it is given. Entries may be up to 1 MiB long, so a
    /// large page takes several requests, the later ones sized by the entries of the earlier ones.
    async fn search_page(
        &self,
        query: &SearchQuery,
        point_in_time: Option<&str>,
    ) -> Result<SearchHits> {
        let search = async {
            self.check_ranges(&query.condition).await?;
            self.search_parts(query, point_in_time).await
        };
        let page = timeout(SEARCH_TIMEOUT, search).await.map_err(unavailable)??;
        self.warn_about_earlier_releases().await;
        Ok(page)
    }

    async fn search_parts(
        &self,
        query: &SearchQuery,
        point_in_time: Option<&str>,
    ) -> Result<SearchHits> {
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut next = query.clone();
        loop {
            let missing = query.limit + 1 - found.len();
            let size = match query.sort {
                Sort::Relevance => missing,
                _ if found.is_empty() => missing.min(FIRST_HITS),
                _ => (found.len() * SearchHits::MAX_BYTES / bytes).clamp(1, missing),
            };
            next.limit = size - 1;
            let (total, hits) = self.search_hits(&next, point_in_time).await?;
            let is_last = hits.len() < size;
            bytes += hits.iter().map(|(_, bytes)| bytes).sum::<usize>();
            found.extend(hits);
            if is_last || found.len() > query.limit || bytes > SearchHits::MAX_BYTES {
                return SearchHits::page(query, total, found.into_iter().map(Ok));
            }
            next.cursor = found.last().map(|(entry, _)| Cursor::of(entry));
        }
    }

    /// Returns the number of hits, and one hit more than the limit of the query, with their sizes.
    async fn search_hits(
        &self,
        query: &SearchQuery,
        point_in_time: Option<&str>,
    ) -> Result<(u64, Vec<(LogEntry, usize)>)> {
        let mut body = query::body(query).map_err(|error| Error::rejected(SERVICE, error))?;
        if let Some(id) = point_in_time {
            body["pit"] = point_in_time::in_search(id);
        }
        let response = self.search_with_retries(query.sort, &body).await.map_err(classify)?;
        hits::parse(&response).map_err(unavailable)
    }

    async fn search_with_retries(
        &self,
        sort: Sort,
        body: &Value,
    ) -> std::result::Result<Bytes, Failure> {
        for pause in RETRY_PAUSES_MILLIS.map(Duration::from_millis) {
            match self.search_once(sort, body).await {
                Err(failure) if failure.is_brief() => sleep(pause).await,
                result => return result,
            }
        }
        self.search_once(sort, body).await
    }

    /// Sends a search, which fails unless all shards take part. OpenSearch itself does not regard a
    /// shard as missing if its index is being deleted.
    async fn search_once(&self, sort: Sort, body: &Value) -> std::result::Result<Bytes, Failure> {
        let search_type = match sort {
            // Uses the word statistics of all indexes, so that a score does not depend on the day.
            Sort::Relevance => SearchType::DfsQueryThenFetch,
            Sort::Newest | Sort::Oldest => SearchType::QueryThenFetch,
        };
        let pattern = self.indexes.pattern();
        let indexes = [pattern.as_str()];
        // A point in time determines the indexes.
        let search = if body.get("pit").is_some() {
            self.client.search(SearchParts::None)
        } else {
            let search = self.client.search(SearchParts::Index(&indexes));
            search.ignore_unavailable(true).allow_no_indices(true)
        };
        let search = search.search_type(search_type).allow_partial_search_results(false).body(body);
        let response = successful_body(search.send().await).await?;
        if !hits::are_complete(&response)? {
            return Err(Failure::MissingShards);
        }
        Ok(response)
    }
}

#[async_trait]
impl Ready for OpenSearchIndex {
    async fn ready(&self) -> Result<()> {
        let ping = self.client.ping().request_timeout(READINESS_TIMEOUT);
        successful_body(ping.send().await).await.map_err(unavailable)?;
        Ok(())
    }
}

#[async_trait]
impl Index for OpenSearchIndex {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let leaves: Vec<Vec<Leaf>> =
            entries.iter().map(|entry| leaves(entry.attributes.as_ref())).collect();
        let mut added = self.add_all(entries, &leaves).await;
        if added.as_ref().is_ok_and(|outcomes| outcomes.lacks_fields) {
            // Either the index was deleted and OpenSearch has recreated it without columns, or it
            // was rebuilt and has other columns.
            self.indexes.clear_known();
            added = self.add_all(entries, &leaves).await;
        }
        match &added {
            Ok(_) => self.warn_about_earlier_releases().await,
            // An index or the template may have been deleted.
            Err(_) => self.indexes.clear_known(),
        }
        added.map(|outcomes| outcomes.refused)
    }

    async fn delete(&self, class: &Class, ids: &[EntryId]) -> Result<()> {
        self.delete_entries(class, ids).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        self.search_page(query, None).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(PointInTime::open(self.clone()).await?))
    }

    async fn days(&self, class: &Class) -> Result<BTreeSet<Day>> {
        self.indexed_days(class).await.map_err(unavailable)
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        self.delete_before(class, first).await.map_err(unavailable)
    }

    async fn merge_past(&self, today: Day) -> Result<()> {
        self.merge_one(today).await.map_err(unavailable)
    }
}

/// OpenSearch returns 400 for a query that it will never accept. Only searches for fragments have a
/// time limit.
fn classify(failure: Failure) -> Error {
    if failure.is_timeout() {
        return too_costly();
    }
    match failure.status() {
        Some(StatusCode::BAD_REQUEST) => Error::rejected(SERVICE, failure),
        _ => unavailable(failure),
    }
}

fn unavailable(source: impl Into<Source>) -> Error {
    Error::unavailable(SERVICE, source)
}

#[cfg(test)]
pub(crate) mod tests;
