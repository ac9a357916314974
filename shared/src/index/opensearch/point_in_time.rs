//! A view of the daily indexes: a [point in time][1], which keeps their segments until it expires.
//!
//! [1]: https://docs.opensearch.org/latest/search-plugins/searching-data/point-in-time/

use async_trait::async_trait;
use opensearch::http::StatusCode;
use opensearch::indices::IndicesExistsParts;
use opensearch::params::ExpandWildcards;
use opensearch::{CreatePitParts, OpenSearch};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::response::{Failure, successful_body};
use super::{OpenSearchIndex, classify};
use crate::aggregation::{Aggregates, Aggregation};
use crate::error::Result;
use crate::index::Snapshot;
use crate::search::{SearchHits, SearchQuery};

/// How long a point in time is kept after each search.
const KEEP_ALIVE: &str = "5m";

/// A point in time, as the `pit` of a search.
pub(super) fn in_search(id: &str) -> Value {
    json!({"id": id, "keep_alive": KEEP_ALIVE})
}

/// A point in time that is deleted when dropped.
pub(super) struct PointInTime {
    index: OpenSearchIndex,
    /// `None` if there were no indexes.
    id: Option<String>,
}

impl PointInTime {
    pub(super) async fn open(index: OpenSearchIndex) -> Result<Self> {
        #[derive(Deserialize)]
        struct Response {
            pit_id: String,
        }
        let pattern = index.indexes.pattern();
        let indexes = [pattern.as_str()];
        // OpenSearch cannot create a point in time without an index.
        if !exist(&index.client, &indexes).await.map_err(classify)? {
            return Ok(Self { index, id: None });
        }
        let create = index
            .client
            .create_pit(CreatePitParts::Index(&indexes))
            .allow_partial_pit_creation(false)
            .expand_wildcards(&[ExpandWildcards::Open])
            .keep_alive(KEEP_ALIVE);
        let response = successful_body(create.send().await).await.map_err(classify)?;
        let Response { pit_id } =
            serde_json::from_slice(&response).map_err(|error| classify(error.into()))?;
        Ok(Self { index, id: Some(pit_id) })
    }
}

/// Whether any of these indexes exist.
async fn exist(client: &OpenSearch, indexes: &[&str]) -> std::result::Result<bool, Failure> {
    let indices = client.indices();
    let exists = indices.exists(IndicesExistsParts::Index(indexes)).allow_no_indices(false);
    match successful_body(exists.send().await).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.status() == Some(StatusCode::NOT_FOUND) => Ok(false),
        Err(failure) => Err(failure),
    }
}

#[async_trait]
impl Snapshot for PointInTime {
    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        match &self.id {
            Some(id) => self.index.search_page(query, Some(id)).await,
            None => Ok(SearchHits { total_is_exact: true, ..SearchHits::default() }),
        }
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Aggregates> {
        match &self.id {
            Some(id) => self.index.aggregate_in(aggregation, id).await,
            None => Ok(Aggregates::of_nothing(aggregation)),
        }
    }

    async fn attributes(&self) -> Result<Vec<String>> {
        self.index.column_paths().await.map_err(classify)
    }
}

impl Drop for PointInTime {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), Handle::try_current()) else { return };
        let client = self.index.client.clone();
        runtime.spawn(async move {
            let delete = client.delete_pit().body(json!({"pit_id": [id]}));
            if let Err(error) = successful_body(delete.send().await).await {
                tracing::debug!(%error, "deleting a point in time failed; it will expire");
            }
        });
    }
}
