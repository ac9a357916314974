//! The index in an OpenSearch cluster: one index a day of arrival.
//! Days, documents, bulk requests and queries each have a file; here they become the port.

mod bulk;
mod days;
mod document;
mod hits;
mod query;

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use opensearch::cert::CertificateValidation;
use opensearch::http::StatusCode;
use opensearch::http::response::Response;
use opensearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use opensearch::params::SearchType;
use opensearch::{BulkParts, OpenSearch, SearchParts};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use url::Url;

use self::days::{Days, Shape};
use super::{Index, VARIABLE};
use crate::config::{ConfigError, UrlOptions};
use crate::error::{Error, Ready, Refused, Result, Source};
use crate::log_entry::LogEntry;
use crate::search::{SearchHits, SearchQuery, Sort};

const SERVICE: &str = "index";

const ADD_TIMEOUT: Duration = Duration::from_secs(30);
const SEARCH_TIMEOUT: Duration = Duration::from_secs(10);
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long OpenSearch waits for a shard to write to, so that it answers before we give up.
const SHARD_TIMEOUT: &str = "20s";

/// While a new index is opened, for some ten milliseconds a day, OpenSearch says 503 to a search: one
/// of its shards is not there yet. So ask again before anybody is told.
const OPENING_PAUSES_MILLIS: [u64; 4] = [50, 100, 200, 400];

/// What the answer to a bulk request says of each entry: a tenth of what it could say.
const BULK_ANSWER: &[&str] = &["items.*.status", "items.*.error"];

/// An [`Index`] in OpenSearch. It connects with the first request, not before.
pub(super) struct OpenSearchIndex {
    client: OpenSearch,
    days: Days,
}

impl OpenSearchIndex {
    /// The index at `http://host:9200?prefix=…&shards=…&replicas=…`.
    pub(super) fn open(url: &Url) -> anyhow::Result<Self> {
        let shape = shape(url)?;
        let mut address = url.clone();
        address.set_query(None);
        let mut transport = TransportBuilder::new(SingleNodeConnectionPool::new(address))
            .disable_proxy()
            .timeout(ADD_TIMEOUT);
        if url.scheme() == "http" {
            // Nothing is encrypted; but a client that validates does not start without the
            // system's certificates, which a container may lack.
            transport = transport.cert_validation(CertificateValidation::None);
        }
        let transport = transport.build().context("making OpenSearch's client")?;
        Ok(Self { client: OpenSearch::new(transport), days: Days::new(shape) })
    }

    /// Adds the first entries of the slice, as many as fit a request; answers how many they are and
    /// which were refused.
    async fn add_first(&self, entries: &[LogEntry]) -> Result<(usize, Vec<Refused>)> {
        let (body, count) = bulk::body(&self.days, entries);
        let bulk = self
            .client
            .bulk(BulkParts::None)
            .filter_path(BULK_ANSWER)
            .timeout(SHARD_TIMEOUT)
            .request_timeout(ADD_TIMEOUT)
            .body(vec![body]);
        let answer = answer(bulk.send().await).await.map_err(unavailable)?;
        Ok((count, bulk::refused(&answer, count)?))
    }

    async fn add_all(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        self.days.make(&self.client, entries).await.map_err(unavailable)?;
        let mut refused = Vec::new();
        let mut added = 0;
        while added < entries.len() {
            let (count, refused_now) = self.add_first(&entries[added..]).await?;
            refused.extend(refused_now.into_iter().map(|one| one.behind(added)));
            added += count;
        }
        Ok(refused)
    }

    async fn ask_until_open(
        &self,
        sort: Sort,
        body: &Value,
    ) -> std::result::Result<Bytes, Failure> {
        for pause in OPENING_PAUSES_MILLIS.map(Duration::from_millis) {
            match self.ask(sort, body).await {
                Err(failure) if failure.status() == Some(StatusCode::SERVICE_UNAVAILABLE) => {
                    sleep(pause).await;
                }
                answer => return answer,
            }
        }
        self.ask(sort, body).await
    }

    /// Sends a query; the answer is about all shards or none.
    async fn ask(&self, sort: Sort, body: &Value) -> std::result::Result<Bytes, Failure> {
        let search_type = match sort {
            // Else a score depends on the day, for each index counts its own words.
            Sort::Relevance => SearchType::DfsQueryThenFetch,
            Sort::Newest | Sort::Oldest => SearchType::QueryThenFetch,
        };
        let pattern = self.days.pattern();
        let indexes = [pattern.as_str()];
        let search = self
            .client
            .search(SearchParts::Index(&indexes))
            .search_type(search_type)
            .ignore_unavailable(true)
            .allow_no_indices(true)
            .allow_partial_search_results(false)
            .body(body);
        answer(search.send().await).await
    }
}

#[async_trait]
impl Ready for OpenSearchIndex {
    async fn ready(&self) -> Result<()> {
        let ping = self.client.ping().request_timeout(READY_TIMEOUT);
        answer(ping.send().await).await.map_err(unavailable)?;
        Ok(())
    }
}

#[async_trait]
impl Index for OpenSearchIndex {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let added = self.add_all(entries).await;
        if added.is_err() {
            // Perhaps somebody deleted an index or the template.
            self.days.forget();
        }
        added
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        let body = query::body(query).map_err(rejected)?;
        let answer = timeout(SEARCH_TIMEOUT, self.ask_until_open(query.sort, &body)).await;
        let answer = answer.map_err(unavailable)?.map_err(sorted)?;
        hits::page(&answer, query).map_err(unavailable)
    }
}

/// What OpenSearch answered instead of doing what it was asked, or why it did not answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("OpenSearch answered {status}: {body}")]
    Status { status: StatusCode, body: String },
    #[error(transparent)]
    NoAnswer(#[from] opensearch::Error),
}

impl Failure {
    fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::NoAnswer(_) => None,
        }
    }
}

/// The body of a successful answer.
async fn answer(
    response: std::result::Result<Response, opensearch::Error>,
) -> std::result::Result<Bytes, Failure> {
    let response = response?;
    let status = response.status_code();
    let body = response.bytes().await?;
    if status.is_success() {
        return Ok(body);
    }
    Err(Failure::Status { status, body: String::from_utf8_lossy(&body).into_owned() })
}

/// Sorts the failure of a search: OpenSearch says 400 to a query that it will never take.
fn sorted(failure: Failure) -> Error {
    match failure.status() {
        Some(StatusCode::BAD_REQUEST) => rejected(failure),
        _ => unavailable(failure),
    }
}

/// It may be about an entry, or about the cluster.
fn failed(source: impl Into<Source>) -> Error {
    Error::failed(SERVICE, source)
}

fn rejected(source: impl Into<Source>) -> Error {
    Error::rejected(SERVICE, source)
}

/// Whatever keeps entries from being added is about the cluster, for a refused entry is no error.
fn unavailable(source: impl Into<Source>) -> Error {
    Error::unavailable(SERVICE, source)
}

fn shape(url: &Url) -> std::result::Result<Shape, ConfigError> {
    let options = UrlOptions::parse(VARIABLE, url, &["prefix", "shards", "replicas"])?;
    if !url.has_host() {
        return Err(options.invalid("must name a host, e.g. http://host:9200"));
    }
    let default = Shape::default();
    let prefix = options.text("prefix").map_or(default.prefix, str::to_owned);
    if !is_index_prefix(&prefix) {
        return Err(options.invalid(
            "prefix must be 1 to 200 of a-z, 0-9, \"-\", \"_\" and \".\", beginning with a letter or digit",
        ));
    }
    let shards = options.number("shards", 1..=u32::MAX.into())?.unwrap_or(default.shards);
    let replicas = options.number("replicas", 0..=u32::MAX.into())?.unwrap_or(default.replicas);
    Ok(Shape { prefix, shards, replicas })
}

/// Whether index names may begin with the text. It contains no wildcard then.
fn is_index_prefix(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 200
        && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests;
