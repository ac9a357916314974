mod support;

use futures_util::TryStreamExt;
use logpulse_client::types::{ExportFormat, ExportOrder, FieldType, NewLogEntry};
use logpulse_client::{ByteStream, Client};
use serde_json::{Map, Value};
use support::{client, entry, unique_word, until};
use uuid::Uuid;

const FROM: &str = "2024-06-14T12:00:00Z";
const TO: &str = "2024-06-14T12:03:00Z";

#[tokio::test]
async fn measures_the_average_per_minute_and_level() {
    let logpulse = client("LOGPULSE_URL");
    let (service, _) = save_orders(&logpulse).await;
    let request = logpulse.get_log_stats().service_name(vec![service.parse().unwrap()]).from(FROM).to(TO);
    let request = request.interval("1m").measure("avg:attributes.ms").by("level").top(vec!["level".to_owned()]);
    let stats = request.send().await.unwrap();
    assert_eq!(stats.total, 3);
    let buckets: Vec<_> = stats.buckets.iter().map(|start| start.format("%H:%M").to_string()).collect();
    assert_eq!(buckets, ["12:00", "12:01", "12:02"]);
    let [info, error] = &stats.series[..] else { panic!("{:?}", stats.series) };
    assert_eq!((info.by["level"].as_str(), info.total), ("INFO", Some(15.0)));
    assert_eq!(info.values, [Some(10.0), None, Some(20.0)]);
    assert_eq!((error.by["level"].as_str(), error.total), ("ERROR", Some(30.0)));
    assert_eq!(error.values, [Some(30.0), None, None]);
    let top: Vec<_> = stats.top["level"].values.iter().map(|top| (top.value.as_str(), top.count)).collect();
    assert_eq!(top, [("INFO", 2), ("ERROR", 1)]);
}

#[tokio::test]
async fn groups_entries_by_pattern() {
    let logpulse = client("LOGPULSE_URL");
    let (service, _) = save_orders(&logpulse).await;
    let request = logpulse.list_log_patterns().service_name(vec![service.parse().unwrap()]).from(FROM).to(TO);
    let found = request.send().await.unwrap();
    let [pattern] = &found.patterns[..] else { panic!("{:?}", found.patterns) };
    assert_eq!((pattern.template.as_str(), pattern.count), ("order <number> paid", 3));
    assert_eq!((pattern.sparkline.len(), pattern.sparkline.iter().sum::<i64>()), (30, 3));
}

#[tokio::test]
async fn lists_fields_with_their_values() {
    let logpulse = client("LOGPULSE_URL");
    let (service, _) = save_orders(&logpulse).await;
    let request = logpulse.list_log_fields().service_name(vec![service.parse().unwrap()]).from(FROM).to(TO);
    let found = request.values(1).send().await.unwrap();
    let [level, service_name, ms] = &found.fields[..] else { panic!("{:?}", found.fields) };
    for (field, name, types, value, count) in [
        (level, "level", [FieldType::String], "INFO", 2),
        (service_name, "service_name", [FieldType::String], service.as_str(), 3),
        (ms, "attributes.ms", [FieldType::Number], "10", 1),
    ] {
        assert_eq!((field.name.as_str(), field.share), (name, 1.0));
        assert_eq!(field.types, types);
        let values: Vec<_> = field.values.iter().map(|value| (value.value.as_str(), value.count)).collect();
        assert_eq!(values, [(value, count)]);
    }
}

#[tokio::test]
async fn gets_the_entries_before_and_after_an_entry() {
    let logpulse = client("LOGPULSE_URL");
    let (_, ids) = save_orders(&logpulse).await;
    let context = logpulse.get_log_context().id(ids[1]).before(1).after(1).send().await.unwrap();
    assert_eq!(context.position, 1);
    assert_eq!(context.data.iter().map(|entry| entry.id).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn exports_ndjson_and_csv() {
    let logpulse = client("LOGPULSE_URL");
    let (service, ids) = save_orders(&logpulse).await;
    let request = logpulse.export_entries().service_name(vec![service.parse().unwrap()]).sort(ExportOrder::Oldest);
    let ndjson = text(request.send().await.unwrap().into_inner()).await;
    let exported: Vec<Value> = ndjson.lines().map(|line| line.parse::<Value>().unwrap()["id"].take()).collect();
    assert_eq!(exported, ids.iter().map(Uuid::to_string).collect::<Vec<_>>());

    let request = logpulse.export_entries().service_name(vec![service.parse().unwrap()]).format(ExportFormat::Csv);
    let csv = text(request.send().await.unwrap().into_inner()).await;
    let rows: Vec<_> = csv.lines().collect();
    assert_eq!(rows[0], "id,timestamp,level,service_name,message,trace_id,span_id,attributes");
    assert_eq!(rows.len(), 4);
}

#[tokio::test]
async fn tails_the_saved_entries() {
    let logpulse = client("LOGPULSE_URL");
    let (service, ids) = save_orders(&logpulse).await;
    let request = logpulse.tail_logs().service_name(vec![service.parse().unwrap()]).from("-5m").limit(3_u32);
    let events = text(request.send().await.unwrap().into_inner()).await;
    let data: Vec<_> = events.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let Some((end, entries)) = data.split_last() else { panic!("{events}") };
    let tailed: Vec<_> = entries.iter().map(|entry| entry.parse::<Value>().unwrap()["id"].take()).collect();
    assert_eq!(tailed, ids.iter().map(Uuid::to_string).collect::<Vec<_>>());
    assert_eq!(*end, r#"{"reason":"limit"}"#);
}

/// Saves three orders of a new service, none of them in the second of the three minutes.
/// Returns the service and the ids.
async fn save_orders(logpulse: &Client) -> (String, Vec<Uuid>) {
    let service = unique_word();
    let order = |number, level: &str, time: &str, ms: u32| NewLogEntry {
        service_name: service.parse().unwrap(),
        level: Some(level.into()),
        timestamp: Some(format!("2024-06-14T{time}Z").parse().unwrap()),
        attributes: Some(Map::from_iter([("ms".to_owned(), ms.into())])),
        ..entry(format!("order {number} paid"))
    };
    let orders =
        vec![order(1, "info", "12:00:10", 10), order(2, "error", "12:00:20", 30), order(3, "info", "12:02:00", 20)];
    let batch = logpulse.save_logs().ids(true).body(orders).send().await.unwrap();

    let total =
        async || logpulse.search_logs().service_name(vec![service.parse().unwrap()]).send().await.unwrap().total;
    assert_eq!(until(total, |total| *total == 3).await, 3);
    (service, batch.ids.iter().flatten().copied().collect())
}

async fn text(stream: ByteStream) -> String {
    let chunks: Vec<_> = stream.into_inner().try_collect().await.unwrap();
    String::from_utf8(chunks.concat()).unwrap()
}
