//! Rejects a range on an attribute that has no columns on some day, because the day has too many
//! attributes. Otherwise, that day's entries would silently be missing from the hits.

use std::collections::{BTreeMap, BTreeSet};

use opensearch::{FieldCapsParts, SearchParts};
use serde::Deserialize;
use serde_json::json;

use super::columns::Columns;
use super::document::{NUMBERS, can_have_column, column_name};
use super::response::{Failure, successful_body};
use super::{OpenSearchIndex, SERVICE, classify, query};
use crate::error::{Error, Result};
use crate::query::Condition;

/// The maximum number of indexes in which to look for an attribute: more than a cluster has days.
const MAX_INDEXES: usize = 10_000;

impl OpenSearchIndex {
    /// Checks that the ranges in a condition can find all entries.
    ///
    /// # Errors
    /// [`Error::Rejected`] when a range is on an attribute without columns.
    pub(super) async fn check_ranges(&self, condition: &Condition) -> Result<()> {
        for path in query::range_paths(condition) {
            if let Some(max) = self.lacks_columns(path, condition).await.map_err(classify)? {
                let reason = format!(
                    "attribute {path} is not among the INDEX_ATTRIBUTES_MAX={max} attributes of \
                     its day that support ranges; compare it for equality instead"
                );
                return Err(Error::rejected(SERVICE, reason));
            }
        }
        Ok(())
    }

    /// Whether entries have the attribute without columns, because their day cannot have more.
    /// Returns the maximum number of that day's attributes with columns.
    async fn lacks_columns(
        &self,
        path: &str,
        condition: &Condition,
    ) -> std::result::Result<Option<usize>, Failure> {
        let indexes = self.indexes_without_column(path).await?;
        if indexes.is_empty() {
            return Ok(None);
        }
        for index in self.indexes_with_attribute(path, condition).await?.intersection(&indexes) {
            let columns = Columns::read(&self.client, index).await?;
            let has_room = can_have_column(path) && columns.has_room();
            if !has_room && !columns.contains(path) {
                return Ok(Some(columns.max()));
            }
        }
        Ok(None)
    }

    /// The indexes without columns for the attribute.
    async fn indexes_without_column(
        &self,
        path: &str,
    ) -> std::result::Result<BTreeSet<String>, Failure> {
        #[derive(Deserialize)]
        struct Response {
            indices: BTreeSet<String>,
            fields: BTreeMap<String, BTreeMap<String, Field>>,
        }
        #[derive(Deserialize)]
        struct Field {
            /// Omitted by OpenSearch if it contains all indexes.
            indices: Option<BTreeSet<String>>,
        }
        const UNMAPPED: &str = "unmapped";
        let field = format!("{NUMBERS}.{}", column_name(path));
        let pattern = self.indexes.pattern();
        let response = self
            .client
            .field_caps(FieldCapsParts::Index(&[&pattern]))
            .fields(&[&field])
            .include_unmapped(true)
            .ignore_unavailable(true)
            .allow_no_indices(true)
            .send()
            .await;
        let Response { indices, mut fields } =
            serde_json::from_slice(&successful_body(response).await?)?;
        let Some(mut types) = fields.remove(&field) else { return Ok(indices) };
        let unmapped = types.remove(UNMAPPED);
        Ok(unmapped.map_or_else(BTreeSet::new, |field| field.indices.unwrap_or(indices)))
    }

    /// The indexes that contain entries with the attribute in the condition's time range.
    async fn indexes_with_attribute(
        &self,
        path: &str,
        condition: &Condition,
    ) -> std::result::Result<BTreeSet<String>, Failure> {
        #[derive(Deserialize)]
        struct Response {
            aggregations: Option<Aggregations>,
        }
        #[derive(Deserialize)]
        struct Aggregations {
            indexes: Indexes,
        }
        #[derive(Deserialize)]
        struct Indexes {
            buckets: Vec<Bucket>,
        }
        #[derive(Deserialize)]
        struct Bucket {
            key: String,
        }
        let mut filters = vec![query::exists(path)];
        filters.extend(query::required_times(condition));
        let body = json!({
            "size": 0,
            "track_total_hits": false,
            "query": {"bool": {"filter": filters}},
            "aggs": {"indexes": {"terms": {"field": "_index", "size": MAX_INDEXES}}},
        });
        let pattern = self.indexes.pattern();
        let response = self
            .client
            .search(SearchParts::Index(&[&pattern]))
            .ignore_unavailable(true)
            .allow_no_indices(true)
            .allow_partial_search_results(false)
            .body(body)
            .send()
            .await;
        let response: Response = serde_json::from_slice(&successful_body(response).await?)?;
        let buckets = response.aggregations.map(|found| found.indexes.buckets).unwrap_or_default();
        Ok(buckets.into_iter().map(|bucket| bucket.key).collect())
    }
}
