//! Computes aggregations with OpenSearch's own.

mod request;
mod response;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::timeout;
use tokio::try_join;

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
            let mut share = None;
            if let Some(sample) = aggregation.sample {
                let all = Aggregation::of(aggregation.condition.clone());
                let Aggregates { total, .. } = self.request(&all, None, point_in_time).await?;
                share = (sample < total).then(|| sample as f64 / total as f64);
            }
            self.request(aggregation, share, point_in_time).await
        };
        let condition = aggregation.condition_on_columns();
        let both = async { try_join!(aggregates, self.check_ranges(&condition)) };
        let (aggregates, ()) = timeout(SEARCH_TIMEOUT, both).await.map_err(unavailable)??;
        Ok(aggregates)
    }

    /// Requests an aggregation. If `share` is set, the values of fields are counted in this share of
    /// the entries.
    async fn request(
        &self,
        aggregation: &Aggregation,
        share: Option<f64>,
        point_in_time: &str,
    ) -> Result<Aggregates> {
        let response = self.send(request::body(aggregation, share), point_in_time).await?;
        let mut aggregates = response::parse(&response, aggregation).map_err(unavailable)?;
        let tops = aggregates.top.iter().enumerate();
        let incomplete = tops.filter(|(_, values)| values.is_approximate);
        let incomplete: Vec<usize> = incomplete.map(|(position, _)| position).collect();
        if !incomplete.is_empty() {
            let body = request::distinct_body(aggregation, share, &incomplete);
            let response = self.send(body, point_in_time).await?;
            let added = response::add_distinct(&response, &incomplete, &mut aggregates);
            added.map_err(unavailable)?;
        }
        Ok(aggregates)
    }

    async fn send(
        &self,
        body: std::result::Result<Value, String>,
        point_in_time: &str,
    ) -> Result<Bytes> {
        let mut body = body.map_err(|reason| Error::rejected(SERVICE, reason))?;
        body["pit"] = point_in_time::in_search(point_in_time);
        self.search_with_retries(Sort::Newest, &body).await.map_err(classify)
    }
}
