//! Poison on the topic, which ingest would not take: each bad line is buried alone, the rest goes
//! on, and what is mended comes back. A sink that is blocked buries nothing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where something is wrong, and says what it measured"
)]

use std::collections::BTreeMap;

use acceptance::{Api, Server, unique};
use cluster::{Cluster, ReadOnlyMySql, left_out, on_mysql, opensearch, round_trip, wait_until};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared::LogEntry;
use shared::queue::{self, Queue, Record};
use uuid::Uuid;

const BY_MYSQL: &str = "refused by MySQL";
const BY_OPENSEARCH: &str = "refused by OpenSearch";

/// A line of a record, with an id of its own. Whoever has a span that is no number is refused by
/// the index of [`refuse_some`].
fn line(service: &str, message: &str) -> String {
    let span = if message == BY_OPENSEARCH { "no number" } else { "1" };
    let entry = json!({
        "id": Uuid::now_v7(), "timestamp": "2024-06-14T12:00:00.000000Z", "level": "INFO",
        "service_name": service, "message": message, "span_id": span,
    });
    // As it would be on the topic.
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

/// The dead letters, by their line.
fn letters(cluster: &Cluster) -> BTreeMap<String, Value> {
    let listed = cluster.dead_letters("list");
    let letters = listed.lines().map(|letter| {
        let letter: Value = serde_json::from_str(letter).unwrap();
        (letter["line"].as_str().unwrap().to_owned(), letter)
    });
    let all: Vec<(String, Value)> = letters.collect();
    let count = all.len();
    let by_line: BTreeMap<String, Value> = all.into_iter().collect();
    assert_eq!(by_line.len(), count, "a line was buried twice: {listed}");
    by_line
}

async fn on_indexes(cluster: &Cluster, what: &str, body: Value) {
    let url = format!("http://{}/{}-*/{what}", opensearch(), cluster.name());
    let answer = Client::new().put(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
}

/// Whether the index refuses a span that is no number.
async fn refuse_spans(cluster: &Cluster, refuse: bool) {
    let number = json!({"type": "long", "ignore_malformed": !refuse});
    let span = json!({"type": "keyword", "fields": {"number": number}});
    on_indexes(cluster, "_mapping", json!({"properties": {"span_id": span}})).await;
}

/// Each sink refuses what is called after it.
async fn refuse_some(cluster: &Cluster) {
    let name = cluster.name();
    on_mysql(&format!(
        "CREATE TRIGGER {name}.refuse BEFORE INSERT ON {name}.log_entries FOR EACH ROW
         IF NEW.message = '{BY_MYSQL}' THEN
             SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the trigger does not want it';
         END IF"
    ))
    .await;
    refuse_spans(cluster, true).await;
}

/// Publishes entries until each partition has one that was not there before; answers how many.
async fn publish_to_each_partition(cluster: &Cluster, queue: &Queue, service: &str) -> u64 {
    let before: Vec<i64> = cluster.partitions().iter().map(|partition| partition.end).collect();
    let mut published = 0;
    wait_until("each partition has an entry", async || {
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

/// Waits until everything is done: each partition is committed to its end.
async fn all_is_committed(cluster: &Cluster) {
    wait_until("every partition is committed to its end", async || {
        cluster.partitions().iter().all(|partition| partition.committed == partition.end)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_line_is_buried_alone_and_comes_back_when_it_is_mended() {
    if left_out(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await;
    let (api, mut servers) = cluster.start_all();
    round_trip(&api).await;
    refuse_some(&cluster).await;
    let queue = queue_of(&cluster).await;
    let service = unique("poison");
    let good: Vec<String> = (0..6).map(|_| line(&service, "good")).collect();
    let by_mysql = line(&service, BY_MYSQL);
    let by_opensearch = line(&service, BY_OPENSEARCH);
    let half = r#"{"service_name":"a","message":"no id"}"#;

    publish(&queue, "not JSON at all").await;
    publish(&queue, vec![0xff, 0xfe, b'x']).await;
    publish(&queue, "").await;
    publish(&queue, format!("{}\n{half}\n{}", good[0], good[1])).await;
    publish(&queue, format!("{}\n{by_mysql}\n{}", good[2], good[3])).await;
    publish(&queue, format!("{}\n{by_opensearch}\n{}", good[4], good[5])).await;

    // The good ones are in both sinks, and what one sink refused is in the other.
    let ids = good.iter().chain([&by_opensearch]).map(|line| id_of(line)).collect();
    assert_eq!(api.entries(ids).await.len(), 7);
    api.search_until(&[("service_name", &service)], 7).await;
    let later = unique("later");
    let published = publish_to_each_partition(&cluster, &queue, &later).await;
    api.search_until(&[("service_name", &later)], published).await;
    all_is_committed(&cluster).await;
    let buried = letters(&cluster);
    each_is_buried_with_its_reason_and_source(&cluster, &buried, [half, &by_mysql, &by_opensearch]);

    let consumer = servers.pop().unwrap();
    assert!(consumer.terminate().success());
    servers.push(cluster.start("consumer"));
    round_trip(&api).await;
    assert_eq!(letters(&cluster), buried, "the same came again");

    mend_and_replay(&cluster, &api, [half, &by_mysql, &by_opensearch]).await;
    drop(servers);
    cluster.remove().await;
}

fn each_is_buried_with_its_reason_and_source(
    cluster: &Cluster,
    buried: &BTreeMap<String, Value>,
    [half, by_mysql, by_opensearch]: [&str; 3],
) {
    let reasons = [
        ("not JSON at all", "not a log entry: "),
        ("\u{fffd}\u{fffd}x", "not a log entry: "),
        (half, "missing field `id`"),
        (by_mysql, "the trigger does not want it"),
        (by_opensearch, "mapper_parsing_exception: failed to parse field [span_id.number]"),
    ];
    assert_eq!(buried.len(), reasons.len(), "{buried:?}");
    let records: BTreeMap<String, String> = cluster.records(10_000).into_iter().collect();
    for (line, reason) in reasons {
        let letter = &buried[line];
        assert!(letter["reason"].as_str().unwrap().contains(reason), "{letter}");
        let record = &records[letter["source"].as_str().unwrap()];
        assert!(record.lines().any(|in_record| in_record == line), "{letter}: {record}");
        println!("buried: {letter}");
    }
}

/// The sinks take everything again. What is no entry is buried anew, and else nothing.
async fn mend_and_replay(cluster: &Cluster, api: &Api, [half, by_mysql, by_opensearch]: [&str; 3]) {
    on_mysql(&format!("DROP TRIGGER {}.refuse", cluster.name())).await;
    refuse_spans(cluster, false).await;

    assert_eq!(cluster.dead_letters("replay"), "5 dead letters are back on the queue\n");

    for line in [by_mysql, by_opensearch] {
        let mended: Value = serde_json::from_str(line).unwrap();
        assert_eq!(api.entry(&id_of(line)).await.unwrap(), mended);
        let service = mended["service_name"].as_str().unwrap();
        let message = mended["message"].as_str().unwrap();
        let page = api.search_until(&[("service_name", service), ("q", message)], 1).await;
        assert_eq!(page["data"][0], mended);
    }
    round_trip(api).await;
    let buried: Vec<String> = letters(cluster).into_keys().collect();
    assert_eq!(buried, ["not JSON at all", half, "\u{fffd}\u{fffd}x"]);
}

/// How often the consumer has tried again, whatever it was.
async fn retries(consumer: &Server) -> f64 {
    let metrics = reqwest::get(format!("{}/metrics", consumer.url)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let retries = metrics.lines().filter(|line| line.starts_with("consumer_retries_total"));
    retries.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// Posts entries that wait until the block is gone, which the consumer has met several times.
async fn post_while_blocked(api: &Api, consumer: &Server, service: &str) {
    let before = retries(consumer).await;
    for _ in 0..20 {
        let entry = json!({"service": service, "message": "waits"}).to_string();
        let posted = api.post("/logs", "application/json", entry).await;
        assert_eq!(posted.status(), StatusCode::CREATED);
    }
    wait_until("the consumer tries again and again", async || {
        retries(consumer).await >= before + 5.0
    })
    .await;
}

/// Everything that was posted is found by its id and by search, and nothing was buried.
async fn all_arrived(cluster: &Cluster, api: &Api, service: &str) {
    round_trip(api).await;
    let page = api.search_until(&[("service_name", service)], 20).await;
    let ids = page["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap());
    assert_eq!(api.entries(ids.map(str::to_owned).collect()).await.len(), 20);
    assert_eq!(cluster.dead_letters("list"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_index_buries_nothing_and_all_arrives_when_it_is_open() {
    if left_out(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await;
    let (api, servers) = cluster.start_all();
    round_trip(&api).await;
    for block in ["write", "read_only_allow_delete"] {
        let service = unique(block);
        let setting = format!("index.blocks.{block}");
        on_indexes(&cluster, "_settings", json!({setting.as_str(): true})).await;
        post_while_blocked(&api, &servers[4], &service).await;
        assert_eq!(cluster.dead_letters("list"), "");
        on_indexes(&cluster, "_settings", json!({setting: null})).await;
        all_arrived(&cluster, &api, &service).await;
    }
    drop(servers);
    cluster.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_mysql_buries_nothing_and_all_arrives_when_it_can_be_written() {
    if left_out(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await;
    let (api, servers) = cluster.start_all();
    round_trip(&api).await;
    let service = unique("read-only");
    let blocked = ReadOnlyMySql::block();
    post_while_blocked(&api, &servers[4], &service).await;
    assert_eq!(cluster.dead_letters("list"), "");
    drop(blocked);
    all_arrived(&cluster, &api, &service).await;
    drop(servers);
    cluster.remove().await;
}
