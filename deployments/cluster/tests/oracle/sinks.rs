//! The state of the sinks, read directly: the rows in MySQL, the lag in Kafka, and the number of
//! documents in OpenSearch. The documents themselves are read through search.

use std::time::{Duration, Instant};

use cluster::{Cluster, compose, opensearch};
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};
use tokio::time::sleep;

/// How long the consumers may take to drain the queue after a fault.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(2);

type Row = (String, String, String, String, String, Option<String>, Option<String>, Option<String>);

/// Waits until the group has committed the whole topic. A consumer commits an offset only after
/// writing to both sinks, so everything must be in them by then.
pub(crate) async fn wait_until_drained(cluster: &Cluster) -> Result<(), String> {
    let started = Instant::now();
    loop {
        let described = describe(cluster.name());
        if is_drained(cluster.name(), &described) {
            return Ok(());
        }
        if started.elapsed() > DRAIN_TIMEOUT {
            return Err(format!("the queue is not drained after {DRAIN_TIMEOUT:?}:\n{described}"));
        }
        sleep(Duration::from_secs(1)).await;
    }
}

fn describe(group: &str) -> String {
    let script = "/opt/kafka/bin/kafka-consumer-groups.sh";
    let kafka = ["exec", "-T", "kafka", script, "--bootstrap-server", "localhost:9092"];
    let output = compose(&[&kafka[..], &["--describe", "--group", group]].concat());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether all partitions are committed up to their end offset. The columns are: group, topic,
/// partition, committed offset, end offset.
fn is_drained(topic: &str, described: &str) -> bool {
    let columns = described.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let partitions: Vec<_> = columns.filter(|columns| columns.get(1) == Some(&topic)).collect();
    let is_committed = |columns: &Vec<&str>| columns[3] == columns[4] || columns[4] == "0";
    !partitions.is_empty() && partitions.iter().all(is_committed)
}

/// All rows in MySQL, as the API would return them.
pub(crate) async fn stored_entries(cluster: &Cluster) -> Vec<Value> {
    let mut mysql = MySqlConnection::connect(cluster.setting("STORE_URL")).await.unwrap();
    let select = "SELECT BIN_TO_UUID(id), DATE_FORMAT(time, '%Y-%m-%dT%H:%i:%s.%fZ'), level,
        service_name, message, attributes, trace_id, span_id FROM log_entries";
    let select = sqlx::query_as(AssertSqlSafe(select));
    let rows: Vec<Row> = select.fetch_all(&mut mysql).await.unwrap();
    rows.into_iter().map(entry).collect()
}

fn entry(
    (id, timestamp, level, service_name, message, attributes, trace_id, span_id): Row,
) -> Value {
    let attributes = attributes.map(|json| serde_json::from_str::<Value>(&json).unwrap());
    let mut entry = json!({
        "id": id, "timestamp": timestamp, "level": level, "service_name": service_name,
        "message": message, "attributes": attributes, "trace_id": trace_id, "span_id": span_id,
    });
    entry.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    entry
}

/// The number of documents in OpenSearch. Refreshes the indexes first, so that search finds them
/// all.
pub(crate) async fn document_count(cluster: &Cluster) -> u64 {
    let indexes = format!("http://{}/{}-*", opensearch(), cluster.name());
    let http = Client::new();
    let refreshed = http.post(format!("{indexes}/_refresh")).send().await.unwrap();
    assert!(refreshed.status().is_success(), "{refreshed:?}");
    let counted = http.get(format!("{indexes}/_count")).send().await.unwrap();
    counted.json::<Value>().await.unwrap()["count"].as_u64().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_drained_when_all_partitions_are_committed_to_their_end() {
        let head = "\nGROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG\n";
        for (partitions, expected) in [
            ("group logs 0 7 7 0\ngroup logs 1 - 0 -", true),
            ("group logs 0 7 7 0\ngroup logs 1 6 7 1", false),
            ("group logs 0 - 7 -", false),
            ("", false),
        ] {
            let drained = is_drained("logs", &format!("{head}{partitions}"));
            assert_eq!(drained, expected, "{partitions}");
        }
    }
}
