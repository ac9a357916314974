//! Rejects a range on an attribute that has no columns on some day, if this matters.

use std::collections::{BTreeMap, BTreeSet};

use opensearch::{FieldCapsParts, SearchParts};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::columns::Columns;
use super::document::{NUMBERS, can_have_column, column_name, column_path};
use super::response::{Failure, successful_body};
use super::{OpenSearchIndex, SERVICE, classify, query};
use crate::error::{Error, Result};
use crate::index::missing_columns;
use crate::log_entry::Day;
use crate::query::Condition;

/// The maximum number of indexes in which to look for an attribute: more than a cluster has days.
const MAX_INDEXES: usize = 10_000;

impl OpenSearchIndex {
    /// Checks that every attribute on which a hit may depend has columns where there is a range on
    /// it.
    ///
    /// # Errors
    /// [`Error::Rejected`] when one does not.
    pub(super) async fn check_ranges(&self, condition: &Condition) -> Result<()> {
        let mut indexes = Vec::new();
        for path in missing_columns::range_paths(condition) {
            indexes.push((path, self.indexes_without_column(path).await.map_err(classify)?));
        }
        for (paths, indexes) in missing_columns::by_paths(indexes) {
            for path in &paths {
                let undecided = missing_columns::undecided(condition, &paths, path);
                let search = search_for_indexes(&indexes, &undecided)
                    .map_err(|reason| Error::rejected(SERVICE, reason))?;
                let days = self.days_without_column(path, search);
                let days = days.await.map_err(classify)?;
                if !days.is_empty() {
                    return Err(missing_columns::error(path, &days));
                }
            }
        }
        Ok(())
    }

    /// The days of the indexes that the search finds and that cannot have columns for the
    /// attribute.
    async fn days_without_column(
        &self,
        path: &str,
        search: Value,
    ) -> std::result::Result<BTreeSet<Day>, Failure> {
        let mut days = BTreeSet::new();
        for index in self.indexes_found(search).await? {
            let columns = Columns::read(&self.client, &index).await?;
            let has_room = can_have_column(path) && columns.has_room();
            if !has_room && !columns.contains(path) {
                days.extend(self.indexes.day_of_entries(&index));
            }
        }
        Ok(days)
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

    /// The paths of the attributes that have columns in any index, sorted.
    pub(super) async fn column_paths(&self) -> std::result::Result<Vec<String>, Failure> {
        #[derive(Deserialize)]
        struct Response {
            fields: Map<String, Value>,
        }
        let prefix = format!("{NUMBERS}.");
        let pattern = self.indexes.pattern();
        let response = self
            .client
            .field_caps(FieldCapsParts::Index(&[&pattern]))
            .fields(&[&format!("{prefix}*")])
            .ignore_unavailable(true)
            .allow_no_indices(true)
            .send()
            .await;
        let Response { fields } = serde_json::from_slice(&successful_body(response).await?)?;
        let names = fields.keys().filter_map(|field| field.strip_prefix(&prefix));
        let mut paths: Vec<String> = names.filter_map(column_path).collect();
        paths.sort_unstable();
        Ok(paths)
    }

    /// The indexes in which the search finds entries.
    async fn indexes_found(&self, search: Value) -> std::result::Result<BTreeSet<String>, Failure> {
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
        let pattern = self.indexes.pattern();
        let response = self
            .client
            .search(SearchParts::Index(&[&pattern]))
            .ignore_unavailable(true)
            .allow_no_indices(true)
            .allow_partial_search_results(false)
            .body(search)
            .send()
            .await;
        let response: Response = serde_json::from_slice(&successful_body(response).await?)?;
        let buckets = response.aggregations.map(|found| found.indexes.buckets).unwrap_or_default();
        Ok(buckets.into_iter().map(|bucket| bucket.key).collect())
    }
}

/// The body of a search for those of the indexes that contain an entry that meets the condition.
fn search_for_indexes(
    indexes: &BTreeSet<String>,
    condition: &Condition,
) -> std::result::Result<Value, String> {
    let within = json!({"terms": {"_index": indexes}});
    let mut body = json!({
        "size": 0,
        "track_total_hits": false,
        "query": {"bool": {"filter": [within, query::condition(condition)?]}},
        "aggs": {"indexes": {"terms": {"field": "_index", "size": MAX_INDEXES}}},
    });
    query::limit_time(&mut body, condition);
    Ok(body)
}
