//! Past days' indexes are merged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opensearch::indices::IndicesRefreshParts;
use serde_json::json;

use super::super::OpenSearchIndex;
use super::imitation::imitation;
use super::server::{Filled, is_required};
use crate::index::Index;
use crate::log_entry::{Arrival, Day, LogEntry, Timestamp};
use crate::query::Condition;
use crate::testing::EntryBuilder;

/// More segments than an index may keep.
const REFRESHES: u32 = 8;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// An entry that arrived on the day.
fn arrived_on(text: &str, position: u32) -> LogEntry {
    let noon = day(text).start().as_micros() + Timestamp::MICROS_PER_DAY / 2;
    let arrival = Arrival::new(Timestamp::from_micros(noon).unwrap());
    EntryBuilder::new("m").arrival(&arrival, position).build()
}

impl Filled {
    /// The number of segments of each index, by name without the prefix.
    fn segments(&self) -> BTreeMap<String, u64> {
        let stats = self.run(self.index.index_stats()).unwrap();
        let segments = stats.indices.into_iter().map(|(name, index)| {
            let name = name.rsplit('-').next().unwrap().to_owned();
            (name, index.shards.values().flatten().map(|shard| shard.segments.count).sum())
        });
        segments.collect()
    }
}

#[test]
fn the_index_of_a_day_before_yesterday_is_merged() {
    if !is_required() {
        return;
    }
    let days = ["2024-06-01", "2024-06-02"];
    let filled = Filled::new("", days.map(|day| arrived_on(day, 0)).to_vec());
    for position in 1..REFRESHES {
        let entries = days.map(|day| arrived_on(day, position));
        filled.run(filled.index.add(&entries)).unwrap();
        let pattern = filled.index.indexes.pattern();
        let patterns = [pattern.as_str()];
        let refresh = filled.index.client.indices();
        filled.run(refresh.refresh(IndicesRefreshParts::Index(&patterns)).send()).unwrap();
    }
    let many = filled.segments();
    assert!(many.values().all(|count| *count == u64::from(REFRESHES)), "{many:?}");
    let deadline = Instant::now() + Duration::from_secs(30);
    while filled.segments()["2024.06.01"] > 1 {
        assert!(Instant::now() < deadline, "{:?}", filled.segments());
        // Another test's merge may be in progress.
        filled.run(filled.index.merge_past(day("2024-06-03"))).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(filled.segments()["2024.06.02"], u64::from(REFRESHES));
    let total = filled.search(&Condition::everything()).unwrap().total;
    assert_eq!(total, 2 * u64::from(REFRESHES));
}

const MERGE: &str = "POST /logs-2024.06.02/_forcemerge";

/// Whether an index is merged by an imitation whose only data node merges this many indexes, and has
/// this much free space. Of three indexes, one is from before yesterday and has many segments.
async fn is_merged(active: u64, free: u64) -> bool {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    let url = imitation(move |request| {
        let path = request.split('?').next().unwrap().to_owned();
        let body = match path.as_str() {
            "GET /logs-*/_stats/segments,store" => {
                let index = |segments: u64| {
                    json!({
                        "total": {"store": {"size_in_bytes": 1000}},
                        "shards": {"0": [{"segments": {"count": segments}}]},
                    })
                };
                json!({"indices": {
                    "logs-2024.06.01": index(5),
                    "logs-2024.06.02": index(6),
                    "logs-2024.06.09": index(20),
                }})
            }
            "GET /_nodes/data%3Atrue/stats/fs,thread_pool" => json!({"nodes": {"node": {
                "fs": {"total": {"available_in_bytes": free}},
                "thread_pool": {"force_merge": {"threads": 1, "active": active, "queue": 0}},
            }}}),
            MERGE => json!({}),
            other => panic!("unexpected: {other}"),
        };
        seen.lock().unwrap().push(path);
        (200, body.to_string())
    });
    let index = OpenSearchIndex::open(&url.await).unwrap();
    index.merge_past(day("2024-06-10")).await.unwrap();
    requests.lock().unwrap().contains(&MERGE.to_owned())
}

#[tokio::test]
async fn an_index_is_merged_if_the_disk_has_room_and_no_merge_is_in_progress() {
    assert!(is_merged(0, 2000).await);
    assert!(!is_merged(0, 1999).await);
    assert!(!is_merged(1, 2000).await);
}
