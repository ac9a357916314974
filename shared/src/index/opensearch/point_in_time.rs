//! A view of the daily indexes: a [point in time][1], which keeps their segments until it expires.
//!
//! [1]: https://docs.opensearch.org/latest/search-plugins/searching-data/point-in-time/

use async_trait::async_trait;
use opensearch::CreatePitParts;
use opensearch::http::StatusCode;
use opensearch::params::ExpandWildcards;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::response::{Failure, successful_body};
use super::{OpenSearchIndex, classify};
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
        let create = index
            .client
            .create_pit(CreatePitParts::Index(&indexes))
            .allow_partial_pit_creation(false)
            .expand_wildcards(&[ExpandWildcards::Open])
            .keep_alive(KEEP_ALIVE);
        let id = match successful_body(create.send().await).await {
            Ok(response) => {
                let Response { pit_id } =
                    serde_json::from_slice(&response).map_err(|error| classify(error.into()))?;
                Some(pit_id)
            }
            Err(Failure::Status { status: StatusCode::NOT_FOUND, .. }) => None,
            Err(failure) => return Err(classify(failure)),
        };
        Ok(Self { index, id })
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
