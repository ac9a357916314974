//! Merges the segments of past days' indexes. OpenSearch itself leaves ten or more of them, each with
//! its own dictionary of words and fragments, which take more space than those of a single one.

use std::collections::BTreeMap;
use std::time::Duration;

use opensearch::http::response::Response;
use opensearch::indices::{IndicesForcemergeParts, IndicesStatsParts};
use opensearch::nodes::NodesStatsParts;
use opensearch::params::Level;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::response::{Failure, successful_body};
use super::{ADD_TIMEOUT, OpenSearchIndex};
use crate::log_entry::Day;

/// An index is merged if a shard has more segments. Late entries and deletions add a few to an index
/// that has been merged.
const MAX_SEGMENTS: u64 = 5;

/// The free space that a merge needs, as a multiple of the index's size: its copy, and room to spare.
const FREE_SPACE: u64 = 2;

/// OpenSearch completes a merge although its client no longer waits for it.
const START_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Nodes {
    #[serde(default)]
    nodes: BTreeMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    fs: FileSystem,
    thread_pool: ThreadPools,
}

impl Node {
    fn is_merging(&self) -> bool {
        let Threads { active, queue } = self.thread_pool.force_merge;
        active + queue > 0
    }
}

#[derive(Deserialize)]
struct ThreadPools {
    force_merge: Threads,
}

#[derive(Deserialize)]
struct Threads {
    active: u64,
    queue: u64,
}

#[derive(Deserialize)]
struct FileSystem {
    total: Space,
}

#[derive(Deserialize)]
struct Space {
    available_in_bytes: u64,
}

#[derive(Deserialize)]
pub(super) struct Stats {
    #[serde(default)]
    pub(super) indices: BTreeMap<String, Index>,
}

#[derive(Deserialize)]
pub(super) struct Index {
    total: Total,
    /// The copies of each shard.
    #[serde(default)]
    pub(super) shards: BTreeMap<String, Vec<Shard>>,
}

#[derive(Deserialize)]
struct Total {
    store: Store,
}

#[derive(Deserialize)]
struct Store {
    size_in_bytes: u64,
}

#[derive(Deserialize)]
pub(super) struct Shard {
    pub(super) segments: Segments,
}

#[derive(Deserialize)]
pub(super) struct Segments {
    pub(super) count: u64,
}

impl Index {
    fn has_many_segments(&self) -> bool {
        self.shards.values().flatten().any(|shard| shard.segments.count > MAX_SEGMENTS)
    }
}

impl OpenSearchIndex {
    /// Starts to merge one index from before yesterday, unless OpenSearch is merging one. Entries of
    /// yesterday may still be on the queue.
    pub(super) async fn merge_one(&self, today: Day) -> Result<(), Failure> {
        let is_past = |name: &str| {
            let day = self.indexes.day_of_entries(name);
            day.is_some_and(|day| day.next() < today)
        };
        let mut indexes = self.index_stats().await?.indices;
        indexes.retain(|name, index| is_past(name) && index.has_many_segments());
        if indexes.is_empty() {
            return Ok(());
        }
        let nodes = self.data_nodes().await?;
        if nodes.iter().any(Node::is_merging) {
            return Ok(());
        }
        let free = nodes.iter().map(|node| node.fs.total.available_in_bytes).min();
        let free = free.unwrap_or_default();
        let fits =
            |index: &Index| index.total.store.size_in_bytes.saturating_mul(FREE_SPACE) <= free;
        let Some((name, index)) = indexes.iter().find(|(_, index)| fits(index)) else {
            let days = indexes.len();
            tracing::warn!(days, free, "too little free space to merge past days");
            return Ok(());
        };
        let bytes = index.total.store.size_in_bytes;
        tracing::info!(index = name, bytes, "merging the index of a past day");
        self.start_merge(name).await
    }

    /// The sizes and segments of all indexes except those that are being rebuilt, which are hidden.
    pub(super) async fn index_stats(&self) -> Result<Stats, Failure> {
        let pattern = self.indexes.pattern();
        let (patterns, metrics) = ([pattern.as_str()], ["segments", "store"]);
        let api = self.client.indices();
        let stats = api
            .stats(IndicesStatsParts::IndexMetric(&patterns, &metrics))
            .level(Level::Shards)
            .filter_path(&["indices.*.total.store", "indices.*.shards.*.segments.count"])
            .request_timeout(ADD_TIMEOUT);
        parsed(stats.send().await).await
    }

    /// The free space of each data node, and whether it merges an index.
    async fn data_nodes(&self) -> Result<Vec<Node>, Failure> {
        let fields = ["nodes.*.fs.total.available_in_bytes", "nodes.*.thread_pool.force_merge"];
        let api = self.client.nodes();
        let stats = api
            .stats(NodesStatsParts::NodeIdMetric(&["data:true"], &["fs", "thread_pool"]))
            .filter_path(&fields)
            .request_timeout(ADD_TIMEOUT);
        let nodes: Nodes = parsed(stats.send().await).await?;
        Ok(nodes.nodes.into_values().collect())
    }

    async fn start_merge(&self, name: &str) -> Result<(), Failure> {
        let names = [name];
        let api = self.client.indices();
        let merge = api
            .forcemerge(IndicesForcemergeParts::Index(&names))
            .max_num_segments(1)
            .request_timeout(START_TIMEOUT);
        match successful_body(merge.send().await).await {
            Err(Failure::NoResponse(error)) if error.is_timeout() => Ok(()),
            merged => merged.map(drop),
        }
    }
}

async fn parsed<T: DeserializeOwned>(
    response: Result<Response, opensearch::Error>,
) -> Result<T, Failure> {
    Ok(serde_json::from_slice(&successful_body(response).await?)?)
}
