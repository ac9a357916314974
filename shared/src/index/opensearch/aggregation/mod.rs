//! Computes aggregations with OpenSearch's own.

mod request;
mod response;

use tokio::time::timeout;

use super::{OpenSearchIndex, SEARCH_TIMEOUT, SERVICE, classify, point_in_time, unavailable};
use crate::aggregation::{Aggregates, Aggregation};
use crate::error::{Error, Result};
use crate::search::Sort;

impl OpenSearchIndex {
    /// Computes an aggregation of the entries in a point in time.
    pub(super) async fn aggregate_in(
        &self,
        aggregation: &Aggregation,
        point_in_time: &str,
    ) -> Result<Aggregates> {
        let mut body =
            request::body(aggregation).map_err(|reason| Error::rejected(SERVICE, reason))?;
        body["pit"] = point_in_time::in_search(point_in_time);
        let search = async {
            self.check_ranges(&aggregation.condition_on_columns()).await?;
            self.search_with_retries(Sort::Newest, &body).await.map_err(classify)
        };
        let response = timeout(SEARCH_TIMEOUT, search).await.map_err(unavailable)??;
        response::parse(&response, aggregation).map_err(unavailable)
    }
}
