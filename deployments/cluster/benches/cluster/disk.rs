//! `make bench-disk`: the disk space that entries take in each service.

use acceptance::Api;
use cluster::{Cluster, compose, mysql, opensearch, wait_until};
use serde_json::Value;
use sqlx::{Connection, MySqlConnection};

use crate::folder;
use crate::process::wait_until_written;
use crate::results::{disk_space, settled};

/// Entries that are generated if there is no folder of entries.
const GENERATED_ENTRIES: usize = 300_000;

/// Loads entries into a new cluster, and prints how much space they take in Kafka, MySQL and
/// OpenSearch, there also after the merge that `retention` starts once a day has passed.
pub(crate) async fn measure() {
    let batches = folder::batches(GENERATED_ENTRIES);
    let (entries, sent_bytes) = folder::size(&batches);
    let cluster = Cluster::fresh().await;
    let retention = cluster.start("retention");
    wait_until("MySQL's table is compressed", async || is_compressed(cluster.name()).await).await;
    let (ingest, consumer) = (cluster.start("ingest"), cluster.start("consumer"));
    let api = Api::new(&ingest.url);
    for lines in &batches {
        let posted = api.post("/logs/batch", "application/x-ndjson", lines.join("\n")).await;
        assert_eq!(posted.status(), 201);
    }
    wait_until_written(&consumer, entries).await;

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
    disk_space("disk-cluster.json", entries, sent_bytes, &parts);
    drop((retention, ingest, consumer));
    cluster.remove().await;
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
