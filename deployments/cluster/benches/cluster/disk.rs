//! `make bench-disk`: the disk space that entries take in each service.

use std::path::Path;
use std::time::Duration;

use acceptance::{Api, Server};
use cluster::{Cluster, compose, mysql, opensearch, wait_until};
use serde_json::{Map, Value, json};
use sqlx::{Connection, MySqlConnection};
use tokio::time::sleep;

use crate::entries::{BATCH_ENTRIES, Rng, entry};
use crate::folder;
use crate::process::entries_written;
use crate::report::save;

/// Entries that are generated if there is no folder of entries.
const GENERATED_ENTRIES: usize = 300_000;

/// The pause between two measurements that must be the same.
const SETTLING: Duration = Duration::from_secs(10);

/// Loads entries into a new cluster, and prints how much space they take in Kafka, MySQL and
/// OpenSearch, there also after the merge that `retention` starts once a day has passed.
pub(crate) async fn measure() {
    let batches = batches();
    let lines = batches.iter().flatten();
    let (entries, sent) = (lines.clone().count(), lines.map(|line| line.len() + 1).sum::<usize>());
    let cluster = Cluster::fresh().await;
    let retention = cluster.start("retention");
    wait_until("MySQL's table is compressed", async || is_compressed(cluster.name()).await).await;
    let (ingest, consumer) = (cluster.start("ingest"), cluster.start("consumer"));
    let api = Api::new(&ingest.url);
    for lines in &batches {
        let posted = api.post("/logs/batch", "application/x-ndjson", lines.join("\n")).await;
        assert_eq!(posted.status(), 201);
    }
    wait_for_entries(&consumer, entries).await;

    let index = format!("http://{}/{}-*", opensearch(), cluster.name());
    call(&format!("{index}/_flush")).await;
    let unmerged = settled(async || index_bytes(&index).await).await;
    call(&format!("{index}/_forcemerge?max_num_segments=1")).await;
    let merged = settled(async || index_bytes(&index).await).await;
    let parts = [
        ("Kafka", topic_bytes(cluster.name())),
        ("MySQL", table_bytes(cluster.name()).await),
        ("OpenSearch, as loaded", unmerged),
        ("OpenSearch, merged", merged),
    ];
    let parts: Map<String, Value> =
        parts.map(|(name, bytes)| ratio(name, bytes, sent)).into_iter().collect();
    save("disk-cluster.json", &json!({"entries": entries, "sent_bytes": sent, "parts": parts}));
    drop((retention, ingest, consumer));
    cluster.remove().await;
}

fn batches() -> Vec<Vec<String>> {
    if let Some(folder) = std::env::var_os("BENCH_ENTRIES") {
        return folder::read(Path::new(&folder));
    }
    let mut rng = Rng::new(5);
    let entries: Vec<String> = (0..GENERATED_ENTRIES).map(|_| entry(&mut rng)).collect();
    entries.chunks(BATCH_ENTRIES).map(<[String]>::to_vec).collect()
}

fn ratio(part: &str, bytes: u64, sent: usize) -> (String, Value) {
    let ratio = bytes as f64 / sent as f64;
    let megabytes = bytes as f64 / 1e6;
    println!("disk, {part}: {megabytes:.1} MB, {ratio:.3} bytes per byte of the entries sent");
    (
        part.to_owned(),
        json!({"bytes": bytes, "bytes_per_sent_byte": (ratio * 1000.0).round() / 1000.0}),
    )
}

/// Waits until the consumer has written this many entries.
async fn wait_for_entries(consumer: &Server, entries: usize) {
    while entries_written(consumer).await < entries {
        sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the size stays the same.
async fn settled(size: impl AsyncFn() -> u64) -> u64 {
    let mut last = size().await;
    loop {
        sleep(SETTLING).await;
        let before = std::mem::replace(&mut last, size().await);
        if last == before {
            return last;
        }
    }
}

async fn is_compressed(database: &str) -> bool {
    let sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ?
        AND table_name LIKE 'log\\_entries%' AND create_options LIKE '%row_format=COMPRESSED%'";
    query(sql, database).await > 0
}

/// The size of the files of a database's tables.
async fn table_bytes(database: &str) -> u64 {
    let sql = "SELECT CAST(SUM(file_size) AS SIGNED) FROM information_schema.innodb_tablespaces
        WHERE name LIKE CONCAT(?, '/%')";
    query(sql, database).await
}

async fn query(sql: &'static str, parameter: &str) -> u64 {
    let url = format!("mysql://root:logpulse@{}", mysql());
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    let number = sqlx::query_scalar::<_, i64>(sql).bind(parameter);
    number.fetch_one(&mut connection).await.unwrap().unsigned_abs()
}

async fn call(url: &str) {
    let response = reqwest::Client::new().post(url).send().await.unwrap();
    response.error_for_status().unwrap();
}

/// The size of the segments' files. OpenSearch's statistics show it only some time after a merge.
async fn index_bytes(index: &str) -> u64 {
    let url = format!("{index}/_segments?filter_path=indices.*.shards.*.segments.*.size_in_bytes");
    let segments: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    sum(&segments)
}

/// The sum of the numbers in a JSON value.
fn sum(value: &Value) -> u64 {
    match value {
        Value::Object(object) => object.values().map(sum).sum(),
        Value::Array(array) => array.iter().map(sum).sum(),
        other => other.as_u64().unwrap_or_default(),
    }
}

/// The size of a topic's log segments.
fn topic_bytes(topic: &str) -> u64 {
    let script = "/opt/kafka/bin/kafka-log-dirs.sh";
    let arguments = ["--bootstrap-server", "localhost:9092", "--describe", "--topic-list", topic];
    let output = compose(&[&["exec", "-T", "kafka", script], &arguments[..]].concat()).stdout;
    let text = String::from_utf8(output).unwrap();
    let json = text.lines().find(|line| line.starts_with('{')).unwrap();
    let report: Value = serde_json::from_str(json).unwrap();
    let folders = report["brokers"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|broker| broker["logDirs"].as_array().unwrap());
    let partitions = folders.flat_map(|folder| folder["partitions"].as_array().unwrap());
    partitions.map(|partition| partition["size"].as_u64().unwrap()).sum()
}
