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
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub(super) async fn aggregate_in(
        &self,
        aggregation: &Aggregation,
        point_in_time: &str,
    ) -> Result<Aggregates> {
        let aggregates = async {
            self.check_ranges(&aggregation.condition_on_columns()).await?;
            let mut share = None;
            if let Some(sample) = aggregation.sample {
                let all = Aggregation::of(aggregation.condition.clone());
                let Aggregates { total, .. } = self.request(&all, None, point_in_time).await?;
                share = (sample < total).then(|| sample as f64 / total as f64);
            }
            self.request(aggregation, share, point_in_time).await
        };
        timeout(SEARCH_TIMEOUT, aggregates).await.map_err(unavailable)?
    }

    /// Requests an aggregation. If `share` is set, the values of fields are counted in this share of
    /// the entries.
    async fn request(
        &self,
        aggregation: &Aggregation,
        share: Option<f64>,
        point_in_time: &str,
    ) -> Result<Aggregates> {
        let body = request::body(aggregation, share);
        let mut body = body.map_err(|reason| Error::rejected(SERVICE, reason))?;
        body["pit"] = point_in_time::in_search(point_in_time);
        let response = self.search_with_retries(Sort::Newest, &body).await.map_err(classify)?;
        response::parse(&response, aggregation).map_err(unavailable)
    }
}
