//! The columns for a day's attributes: fields that support range queries. Each process adds those
//! that it needs, up to a limit that OpenSearch enforces.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use opensearch::OpenSearch;
use opensearch::http::StatusCode;
use opensearch::indices::{IndicesGetMappingParts, IndicesPutMappingParts};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::sleep;

use super::ADD_TIMEOUT;
use super::document::column_path;
use super::mapping::column_mappings;
use super::response::{Failure, successful_body};

/// The pauses before columns are reread after OpenSearch has rejected some. While other processes
/// are adding columns, OpenSearch counts new columns towards the limit before the mapping shows
/// them.
const RETRY_PAUSES_MILLIS: [u64; 5] = [0, 50, 100, 200, 400];

/// The generation of an index that has not been rebuilt.
const FIRST_GENERATION: &str = "0";

/// The columns of an index.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Columns {
    /// The paths of the attributes that have columns.
    paths: HashSet<String>,
    /// The maximum number of paths with columns; 0 in an index that an earlier release created.
    max: usize,
    /// The generation of the index.
    generation: String,
}

impl Columns {
    /// Reads an index's columns.
    pub(super) async fn read(client: &OpenSearch, index: &str) -> Result<Self, Failure> {
        let mapping = client
            .indices()
            .get_mapping(IndicesGetMappingParts::Index(&[index]))
            .request_timeout(ADD_TIMEOUT)
            .send()
            .await;
        let indexes: BTreeMap<String, Index> =
            serde_json::from_slice(&successful_body(mapping).await?)?;
        // The key is the index's own name, but `index` may be an alias.
        let index = indexes.into_values().next();
        Ok(index.map(|index| index.mappings.columns()).unwrap_or_default())
    }

    /// Whether the attributes with this path have columns.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// The generation of the index. Documents with columns contain it.
    pub(super) fn generation(&self) -> &str {
        &self.generation
    }

    /// Whether there is room for more columns.
    pub(super) fn has_room(&self) -> bool {
        self.paths.len() < self.max
    }

    /// Adds columns to an index for as many of the paths as there is room for. Other processes may
    /// add columns at the same time, so OpenSearch may reject some.
    ///
    /// If OpenSearch keeps rejecting columns, the index is treated as full.
    pub(super) async fn add(
        mut self,
        client: &OpenSearch,
        index: &str,
        paths: &BTreeSet<&str>,
    ) -> Result<Self, Failure> {
        let mut pauses = RETRY_PAUSES_MILLIS.into_iter();
        loop {
            let missing = paths.iter().copied().filter(|path| !self.contains(path));
            let new: Vec<&str> = missing.take(self.max.saturating_sub(self.paths.len())).collect();
            if new.is_empty() {
                return Ok(self);
            }
            match put(client, index, &new).await {
                Ok(()) => self.paths.extend(new.into_iter().map(str::to_owned)),
                Err(failure) if failure.status() == Some(StatusCode::BAD_REQUEST) => {
                    let Some(pause) = pauses.next() else {
                        tracing::warn!(index, %failure, "cannot add columns for more attributes");
                        self.max = self.paths.len();
                        return Ok(self);
                    };
                    sleep(Duration::from_millis(pause)).await;
                    let current = Self::read(client, index).await?;
                    if current != self {
                        pauses = RETRY_PAUSES_MILLIS.into_iter();
                    }
                    self = current;
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

async fn put(client: &OpenSearch, index: &str, paths: &[&str]) -> Result<(), Failure> {
    let put = client
        .indices()
        .put_mapping(IndicesPutMappingParts::Index(&[index]))
        .request_timeout(ADD_TIMEOUT)
        .body(column_mappings(paths.iter().copied()))
        .send()
        .await;
    successful_body(put).await.map(drop)
}

#[derive(Deserialize)]
struct Index {
    mappings: Mappings,
}

#[derive(Deserialize)]
struct Mappings {
    #[serde(default, rename = "_meta")]
    meta: Meta,
    #[serde(default)]
    properties: Properties,
}

/// The metadata that the template sets on an index.
#[derive(Deserialize, Default)]
struct Meta {
    #[serde(default)]
    attributes_max: usize,
}

/// The fields that are read here. `num` and `str` have the same columns.
#[derive(Deserialize, Default)]
struct Properties {
    #[serde(default)]
    num: Object,
    #[serde(default)]
    generation: Object,
}

#[derive(Deserialize, Default)]
struct Object {
    #[serde(default)]
    properties: Map<String, Value>,
}

impl Mappings {
    fn columns(self) -> Columns {
        let names = |object: Object| object.properties.into_iter().map(|(name, _)| name);
        let Properties { num, generation } = self.properties;
        Columns {
            paths: names(num).filter_map(|name| column_path(&name)).collect(),
            max: self.meta.attributes_max,
            generation: names(generation).next().unwrap_or_else(|| FIRST_GENERATION.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(mappings: &str) -> Columns {
        serde_json::from_str::<Mappings>(mappings).unwrap().columns()
    }

    #[test]
    fn columns_are_read_from_the_mappings() {
        let mappings = |max: usize| {
            format!(
                r#"{{"_meta":{{"attributes_max":{max}}},"properties":{{"num":{{"dynamic":"strict",
                   "properties":{{"http%2Estatus":{{"type":"double"}},"ms":{{"type":"double"}}}}}}}}}}"#
            )
        };
        let columns = [2, 3].map(|max| columns(&mappings(max)));
        assert!(columns[0].contains("http.status") && columns[0].contains("ms"));
        assert!(!columns[0].contains("http%2Estatus"));
        assert_eq!(columns.map(|columns| columns.has_room()), [false, true]);
    }

    #[test]
    fn a_rebuilt_index_has_its_own_generation() {
        let mappings = [
            r#"{"properties":{}}"#,
            r#"{"properties":{"generation":{"dynamic":"false"}}}"#,
            r#"{"properties":{"generation":{"properties":{"2":{"type":"boolean"}}}}}"#,
        ];
        assert_eq!(mappings.map(|text| columns(text).generation), ["0", "0", "2"]);
    }

    #[test]
    fn no_columns_can_be_added_to_an_index_of_an_earlier_release() {
        let columns = columns(r#"{"properties":{"attributes":{"type":"flat_object"}}}"#);
        assert!(!columns.has_room());
    }
}
