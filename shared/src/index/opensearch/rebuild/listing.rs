//! Lists and deletes indexes, including hidden ones, and changes their aliases.

use std::collections::{BTreeMap, BTreeSet};

use opensearch::OpenSearch;
use opensearch::http::StatusCode;
use opensearch::indices::{IndicesDeleteParts, IndicesGetParts};
use opensearch::params::ExpandWildcards;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::index::opensearch::response::{Failure, successful_body};
use crate::index::opensearch::{ADD_TIMEOUT, SHARD_TIMEOUT};

/// An index as OpenSearch lists it.
pub(in crate::index::opensearch) struct Listed {
    pub(super) is_hidden: bool,
    pub(super) aliases: BTreeSet<String>,
}

/// The indexes whose own names or aliases match the pattern, keyed by their own names.
pub(in crate::index::opensearch) async fn indexes(
    client: &OpenSearch,
    pattern: &str,
) -> Result<BTreeMap<String, Listed>, Failure> {
    #[derive(Deserialize)]
    struct Index {
        #[serde(default)]
        aliases: BTreeMap<String, Value>,
        settings: Settings,
    }
    #[derive(Deserialize)]
    struct Settings {
        #[serde(default, rename = "index.hidden")]
        hidden: String,
    }
    let pattern = [pattern];
    let api = client.indices();
    let get = api
        .get(IndicesGetParts::Index(&pattern))
        .expand_wildcards(&[ExpandWildcards::All])
        .allow_no_indices(true)
        .ignore_unavailable(true)
        .flat_settings(true)
        .request_timeout(ADD_TIMEOUT);
    let indexes: BTreeMap<String, Index> =
        serde_json::from_slice(&successful_body(get.send().await).await?)?;
    let listed = |Index { aliases, settings }| Listed {
        is_hidden: settings.hidden == "true",
        aliases: aliases.into_keys().collect(),
    };
    Ok(indexes.into_iter().map(|(name, index)| (name, listed(index))).collect())
}

/// Deletes an index if it exists.
pub(in crate::index::opensearch) async fn delete(
    client: &OpenSearch,
    name: &str,
) -> Result<(), Failure> {
    let name = [name];
    let api = client.indices();
    let delete = api.delete(IndicesDeleteParts::Index(&name)).request_timeout(ADD_TIMEOUT);
    match successful_body(delete.send().await).await {
        Err(failure) if failure.status() == Some(StatusCode::NOT_FOUND) => Ok(()),
        deleted => deleted.map(drop),
    }
}

/// The action that removes an alias from an index, and fails if the index does not have it.
pub(super) fn remove_alias(index: &str, alias: &str) -> Value {
    json!({"remove": {"index": index, "alias": alias, "must_exist": true}})
}

/// Performs either all of the actions in one step or none of them.
pub(super) async fn update_aliases(client: &OpenSearch, actions: &[Value]) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Response {
        acknowledged: bool,
    }
    let api = client.indices();
    let update = api
        .update_aliases()
        .timeout(SHARD_TIMEOUT)
        .request_timeout(ADD_TIMEOUT)
        .body(json!({"actions": actions}));
    let Response { acknowledged } =
        serde_json::from_slice(&successful_body(update.send().await).await?)?;
    // Until all nodes have acknowledged the change, one of them may still use the previous aliases.
    acknowledged.then_some(()).ok_or(Failure::NotAcknowledged)
}
