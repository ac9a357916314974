//! Poison pills on the topic: lines that are not entries, and entries that a sink rejects. Each
//! becomes a separate dead letter, which can be replayed once its cause is fixed. While a sink
//! blocks all writes, the consumer retries and writes no dead letters.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic fails the test, and measurements are printed"
)]

use std::collections::BTreeMap;

use acceptance::metrics::total;
use acceptance::{Api, Server, unique};
use cluster::{
    Cluster, ReadOnlyMySql, on_mysql, opensearch, round_trip, skip_without_services, wait_until,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared::LogEntry;
use shared::queue::{self, Queue, Record};
use uuid::Uuid;

const REJECTED_BY_MYSQL: &str = "rejected by MySQL";
const REJECTED_BY_OPENSEARCH: &str = "rejected by OpenSearch";

/// Returns an entry with a new id, as a line of a record. After [`reject_poison`], the index
/// rejects a span id that is not a number.
fn line(service: &str, message: &str) -> String {
    let span = if message == REJECTED_BY_OPENSEARCH { "not a number" } else { "1" };
    let entry = json!({
        "id": Uuid::now_v7(), "timestamp": "2024-06-14T12:00:00.000000Z", "level": "INFO",
        "service_name": service, "message": message, "span_id": span,
    });
    // Convert it to the topic's format.
    let entry: LogEntry = serde_json::from_value(entry).unwrap();
    String::from_utf8(entry.to_json()).unwrap()
}

fn id_of(line: &str) -> String {
    let entry: Value = serde_json::from_str(line).unwrap();
    entry["id"].as_str().unwrap().to_owned()
}

async fn queue_of(cluster: &Cluster) -> Queue {
    queue::open(&cluster.setting("QUEUE_URL").parse().unwrap()).await.unwrap()
}

async fn publish(queue: &Queue, record: impl Into<Vec<u8>>) {
    let record = Record::from_bytes(record.into().into());
    queue.producer.publish(vec![record]).await.unwrap();
}

/// The dead letters, keyed by line.
fn dead_letters(cluster: &Cluster) -> BTreeMap<String, Value> {
    let listed = cluster.dead_letters("list");
    let by_line = listed.lines().map(|dead_letter| {
        let dead_letter: Value = serde_json::from_str(dead_letter).unwrap();
        (dead_letter["line"].as_str().unwrap().to_owned(), dead_letter)
    });
    let all: Vec<(String, Value)> = by_line.collect();
    let count = all.len();
    let by_line: BTreeMap<String, Value> = all.into_iter().collect();
    assert_eq!(by_line.len(), count, "a line has two dead letters: {listed}");
    by_line
}

async fn update_indexes(cluster: &Cluster, endpoint: &str, body: Value) {
    let url = format!("http://{}/{}-*/{endpoint}", opensearch(), cluster.name());
    let response = Client::new().put(url).json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap());
}

/// Makes the index reject or accept span ids that are not numbers.
async fn set_reject_malformed_span_ids(cluster: &Cluster, reject: bool) {
    let number = json!({"type": "long", "ignore_malformed": !reject});
    let span = json!({"type": "keyword", "fields": {"number": number}});
    update_indexes(cluster, "_mapping", json!({"properties": {"span_id": span}})).await;
}

/// Makes MySQL and OpenSearch each reject one kind of entry.
async fn reject_poison(cluster: &Cluster) {
    let name = cluster.name();
    on_mysql(&format!(
        "CREATE TRIGGER {name}.reject BEFORE INSERT ON {name}.log_entries FOR EACH ROW
         IF NEW.message = '{REJECTED_BY_MYSQL}' THEN
             SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'rejected by the trigger';
         END IF"
    ))
    .await;
    set_reject_malformed_span_ids(cluster, true).await;
}

/// Publishes entries until each partition has a new one; returns how many were published.
async fn publish_to_each_partition(cluster: &Cluster, queue: &Queue, service: &str) -> u64 {
    let before: Vec<i64> = cluster.partitions().iter().map(|partition| partition.end).collect();
    let mut published = 0;
    wait_until("each partition has a new entry", async || {
        for _ in 0..20 {
            publish(queue, line(service, "later")).await;
            published += 1;
        }
        let now = cluster.partitions();
        now.len() == 3 && now.iter().zip(&before).all(|(now, before)| now.end > *before)
    })
    .await;
    published
}

/// Waits until every partition is committed up to its end offset.
async fn wait_until_committed(cluster: &Cluster) {
    wait_until("every partition is committed to its end", async || {
        cluster.partitions().iter().all(|partition| partition.committed == partition.end)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_line_becomes_a_dead_letter_and_can_be_replayed() {
    if skip_without_services(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await;
    let (api, servers) = cluster.start_all();
    round_trip(&api).await;
    reject_poison(&cluster).await;
    let queue = queue_of(&cluster).await;
    let service = unique("poison");
    let good: Vec<String> = (0..6).map(|_| line(&service, "good")).collect();
    let by_mysql = line(&service, REJECTED_BY_MYSQL);
    let by_opensearch = line(&service, REJECTED_BY_OPENSEARCH);
    let without_id = r#"{"service_name":"a","message":"no id"}"#;

    publish(&queue, "not JSON at all").await;
    publish(&queue, vec![0xff, 0xfe, b'x']).await;
    publish(&queue, "").await;
    publish(&queue, format!("{}\n{without_id}\n{}", good[0], good[1])).await;
    publish(&queue, format!("{}\n{by_mysql}\n{}", good[2], good[3])).await;
    publish(&queue, format!("{}\n{by_opensearch}\n{}", good[4], good[5])).await;

    // Both sinks contain the good entries. The store also contains the entry that the index rejects.
    let ids = good.iter().chain([&by_opensearch]).map(|line| id_of(line)).collect();
    assert_eq!(api.entries(ids).await.len(), 7);
    api.search_until(&[("service_name", &service)], 6).await;
    let later = unique("later");
    let published = publish_to_each_partition(&cluster, &queue, &later).await;
    api.search_until(&[("service_name", &later)], published).await;
    wait_until_committed(&cluster).await;
    let listed = dead_letters(&cluster);
    assert_reasons_and_sources(&cluster, &listed, [without_id, &by_mysql, &by_opensearch]);

    for (position, server) in servers.into_iter().enumerate() {
        let status = server.terminate();
        assert!(status.success(), "function {position} of start_all: {status}");
    }
    let (api, servers) = cluster.start_all();
    round_trip(&api).await;
    assert_eq!(dead_letters(&cluster), listed, "a restart added dead letters");

    fix_and_replay(&cluster, &api, [without_id, &by_mysql, &by_opensearch]).await;
    drop(servers);
    cluster.remove().await;
}

fn assert_reasons_and_sources(
    cluster: &Cluster,
    listed: &BTreeMap<String, Value>,
    [without_id, by_mysql, by_opensearch]: [&str; 3],
) {
    let reasons = [
        ("not JSON at all", "not a log entry: "),
        ("\u{fffd}\u{fffd}x", "not a log entry: "),
        (without_id, "missing field `id`"),
        (by_mysql, "rejected by the trigger"),
        (by_opensearch, "mapper_parsing_exception: failed to parse field [span_id.number]"),
    ];
    assert_eq!(listed.len(), reasons.len(), "{listed:?}");
    let records: BTreeMap<String, String> = cluster.records(10_000).into_iter().collect();
    for (line, reason) in reasons {
        let dead_letter = &listed[line];
        assert!(dead_letter["reason"].as_str().unwrap().contains(reason), "{dead_letter}");
        let record = &records[dead_letter["source"].as_str().unwrap()];
        assert!(record.lines().any(|in_record| in_record == line), "{dead_letter}: {record}");
        println!("dead letter: {dead_letter}");
    }
}

/// Makes the sinks accept everything, and replays the dead letters. Only lines that are not entries
/// fail again.
async fn fix_and_replay(
    cluster: &Cluster,
    api: &Api,
    [without_id, by_mysql, by_opensearch]: [&str; 3],
) {
    on_mysql(&format!("DROP TRIGGER {}.reject", cluster.name())).await;
    set_reject_malformed_span_ids(cluster, false).await;

    assert_eq!(cluster.dead_letters("replay"), "replayed 5 dead letters\n");

    for line in [by_mysql, by_opensearch] {
        let fixed: Value = serde_json::from_str(line).unwrap();
        assert_eq!(api.entry(&id_of(line)).await.unwrap(), fixed);
        let service = fixed["service_name"].as_str().unwrap();
        let message = fixed["message"].as_str().unwrap();
        let page = api.search_until(&[("service_name", service), ("q", message)], 1).await;
        assert_eq!(page["data"][0], fixed);
    }
    round_trip(api).await;
    let remaining: Vec<String> = dead_letters(cluster).into_keys().collect();
    assert_eq!(remaining, ["not JSON at all", without_id, "\u{fffd}\u{fffd}x"]);
}

/// The total number of retries by the consumer.
async fn retries(consumer: &Server) -> u64 {
    let metrics = reqwest::get(format!("{}/metrics", consumer.url)).await.unwrap();
    total(&metrics.text().await.unwrap(), "consumer_retries_total")
}

/// Posts entries while a sink blocks writes, and waits until the consumer has retried several
/// times.
async fn post_while_blocked(api: &Api, consumer: &Server, service: &str) {
    let before = retries(consumer).await;
    for _ in 0..20 {
        let entry = json!({"service": service, "message": "queued"}).to_string();
        let posted = api.post("/logs", "application/json", entry).await;
        assert_eq!(posted.status(), StatusCode::CREATED);
    }
    wait_until("the consumer retries several times", async || {
        retries(consumer).await >= before + 5
    })
    .await;
}

/// Checks that all posted entries are found by id and by search, and that there are no dead
/// letters.
async fn assert_all_stored(cluster: &Cluster, api: &Api, service: &str) {
    round_trip(api).await;
    let page = api.search_until(&[("service_name", service)], 20).await;
    let ids = page["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap());
    assert_eq!(api.entries(ids.map(str::to_owned).collect()).await.len(), 20);
    assert_eq!(cluster.dead_letters("list"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_index_delays_entries_without_dead_letters() {
    if skip_without_services(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await;
    let (api, servers) = cluster.start_all();
    round_trip(&api).await;
    for block in ["write", "read_only_allow_delete"] {
        let service = unique(block);
        let setting = format!("index.blocks.{block}");
        update_indexes(&cluster, "_settings", json!({setting.as_str(): true})).await;
        post_while_blocked(&api, &servers[4], &service).await;
        assert_eq!(cluster.dead_letters("list"), "");
        update_indexes(&cluster, "_settings", json!({setting: null})).await;
        assert_all_stored(&cluster, &api, &service).await;
    }
    drop(servers);
    cluster.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_mysql_delays_entries_without_dead_letters() {
    if skip_without_services(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await;
    let (api, servers) = cluster.start_all();
    round_trip(&api).await;
    let service = unique("read-only");
    let read_only = ReadOnlyMySql::enable();
    post_while_blocked(&api, &servers[4], &service).await;
    assert_eq!(cluster.dead_letters("list"), "");
    drop(read_only);
    assert_all_stored(&cluster, &api, &service).await;
    drop(servers);
    cluster.remove().await;
}
