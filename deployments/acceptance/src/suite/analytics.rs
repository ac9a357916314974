//! Tests for the stats, fields and patterns operations.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::{Api, unique};

/// Saves three hundred entries of a new service, one for each second.
async fn save_series(api: &Api) -> String {
    let service = unique("stats");
    let entry = |n: u32| {
        let level = if n.is_multiple_of(10) { "error" } else { "info" };
        let timestamp = format!("2024-06-14T12:{:02}:{:02}Z", n / 60, n % 60);
        json!({
            "service": service,
            "level": level,
            "message": format!("number {n}"),
            "timestamp": timestamp,
            "attributes": {"ms": f64::from(n) / 2.0, "even": n.is_multiple_of(2)},
        })
    };
    let entries: Vec<Value> = (0..300).map(entry).collect();
    api.post("/logs/batch", "application/json", json!(entries).to_string()).await;
    api.search_until(&[("service_name", &service)], 300).await;
    service
}

async fn json_of(api: &Api, path: &str, query: &[(&str, &str)]) -> Value {
    let response = api.send(api.http.get(api.url(path)).query(query)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path} {query:?}");
    response.json().await.unwrap()
}

pub async fn stats_add_up_to_the_exported_entries(api: &Api) {
    let service = save_series(api).await;
    let filters = [("service_name", service.as_str()), ("q", "even:true OR level:error")];
    let with = |more: &[(&'static str, &'static str)]| [&filters, more].concat();

    let stats = with(&[("interval", "1m"), ("by", "level"), ("top", "level,attributes.even")]);
    let stats = json_of(api, "/logs/stats", &stats).await;
    let export = api.http.get(api.url("/logs/export")).query(&filters);
    let exported = api.send(export).await.unwrap().text().await.unwrap().lines().count();

    assert_eq!((stats["total"].as_u64(), exported), (Some(150), 150));
    let expected = json!([
        {"by": {"level": "INFO"}, "values": [24, 24, 24, 24, 24], "total": 120},
        {"by": {"level": "ERROR"}, "values": [6, 6, 6, 6, 6], "total": 30},
    ]);
    assert_eq!(stats["series"], expected);
    assert_eq!(stats["other"], json!({"values": [0, 0, 0, 0, 0], "total": 0}));
    assert_eq!(stats["buckets"][1], "2024-06-14T12:01:00.000000Z");
    assert_eq!(stats["top"]["attributes.even"]["values"], json!([{"value": "true", "count": 150}]));

    let slowest = with(&[("interval", "1m"), ("measure", "max:attributes.ms")]);
    let slowest = json_of(api, "/logs/stats", &slowest).await;
    let expected = json!([{"values": [29, 59, 89, 119, 149], "total": 149}]);
    assert_eq!(slowest["series"], expected);

    let range = [("from", "2024-06-14T12:04:00Z"), ("to", "2024-06-14T12:05:00Z")];
    let compared = with(&[range[0], range[1], ("compare", "previous"), ("top", "level")]);
    let compared = json_of(api, "/logs/stats", &compared).await;
    assert_eq!((&compared["total"], &compared["previous"]["total"]), (&json!(30), &json!(30)));
    assert_eq!(compared["changes"], json!([]));
}

pub async fn fields_are_listed_with_their_values(api: &Api) {
    let service = save_series(api).await;
    let query = [("service_name", service.as_str()), ("values", "1")];
    let mut found = json_of(api, "/logs/fields", &query).await;
    // Whether the 300 numbers are all counted depends on the number of attributes in the index.
    let approximate = found["fields"][3].as_object_mut().unwrap().remove("approximate");
    assert!(approximate.is_none_or(|flag| flag == true));
    assert_eq!((&found["total"], &found["examined"]), (&json!(300), &json!(300)));
    let expected = json!([
        {
            "name": "level",
            "types": ["string"],
            "share": 1.0,
            "distinct": 2,
            "values": [{"value": "INFO", "count": 270}],
        },
        {
            "name": "service_name",
            "types": ["string"],
            "share": 1.0,
            "distinct": 1,
            "values": [{"value": service, "count": 300}],
        },
        {
            "name": "attributes.even",
            "types": ["boolean"],
            "share": 1.0,
            "distinct": 2,
            "values": [{"value": "false", "count": 150}],
        },
        {
            "name": "attributes.ms",
            "types": ["number"],
            "share": 1.0,
            "distinct": 300,
            "values": [{"value": "0", "count": 1}],
        },
    ]);
    assert_eq!(found["fields"], expected);
}

pub async fn entries_are_grouped_by_pattern(api: &Api) {
    let service = save_series(api).await;
    let found = json_of(api, "/logs/patterns", &[("service_name", &service)]).await;
    assert_eq!((&found["total"], &found["other"]), (&json!(300), &json!(0)));
    let patterns = found["patterns"].as_array().unwrap();
    assert_eq!(patterns.len(), 1);
    assert_eq!(patterns[0]["template"], "number <number>");
    assert_eq!(patterns[0]["count"], 300);
    assert_eq!(patterns[0]["first_seen"], "2024-06-14T12:00:00.000000Z");
    assert_eq!(patterns[0]["last_seen"], "2024-06-14T12:04:59.000000Z");
    let sparkline = patterns[0]["sparkline"].as_array().unwrap();
    assert_eq!(sparkline.iter().filter_map(Value::as_u64).sum::<u64>(), 300);
    let values = &patterns[0]["variables"][0]["values"];
    assert_eq!(values, &json!(["299", "298", "297", "296", "295"]));

    let q = patterns[0]["q"].as_str().unwrap();
    let hits = api.all_hits(&[("service_name", &service), ("q", q)]).await;
    assert_eq!(hits.len(), 300);
    let filters = [("service_name", service.as_str()), ("new_since", "2024-06-14T12:01:00Z")];
    let new = json_of(api, "/logs/patterns", &filters).await;
    assert_eq!((&new["patterns"], &new["other"]), (&json!([]), &json!(240)));
}

/// The number of entries in each arriving batch.
const BATCH_SIZE: usize = 250;
/// The number of batches in a counted range.
const BATCHES: usize = 12;

pub async fn counts_agree_while_entries_arrive(api: &Api) {
    let service = unique("arriving");
    let (first_ids, mut saved) = watch::channel(Vec::new());
    let writer = tokio::spawn(save_batches(api.clone(), service.clone(), first_ids));

    for _ in 0..6 {
        let enough = saved.wait_for(|ids: &Vec<String>| ids.len() > BATCHES).await;
        let ids = enough.expect("the writer stopped").clone();
        // The newest batch ends the range, so that no later entry is inside.
        let [first, .., newest] = &ids[ids.len() - 1 - BATCHES..] else { unreachable!() };
        let (from, to) = (timestamp(api, first).await, timestamp(api, newest).await);
        let range = [("service_name", service.as_str()), ("from", &from), ("to", &to)];
        api.search_until(&range, (BATCHES * BATCH_SIZE) as u64).await;

        saved.mark_unchanged();
        while !saved.has_changed().expect("the writer stopped") {
            assert_counts(api, &range, BATCHES * BATCH_SIZE).await;
        }
    }
    writer.abort();
}

/// Saves about 2,000 entries per second for at most a minute or so. Sends the first id of each saved batch.
async fn save_batches(api: Api, service: String, first_ids: watch::Sender<Vec<String>>) {
    let entries = vec![json!({"service": service, "message": "arriving"}); BATCH_SIZE];
    let body = json!(entries).to_string();
    for _ in 0..600 {
        let response = api.post("/logs/batch?ids=true", "application/json", body.as_str()).await;
        let batch: Value = response.json().await.unwrap();
        assert_eq!(batch["accepted"], BATCH_SIZE);
        let first = batch["ids"][0].as_str().unwrap().to_owned();
        first_ids.send_modify(|ids| ids.push(first));
        sleep(Duration::from_millis(100)).await;
    }
}

async fn timestamp(api: &Api, id: &str) -> String {
    api.entry(id).await.unwrap()["timestamp"].as_str().unwrap().to_owned()
}

/// Asserts that stats, an export and the pages of a search all count this many entries.
async fn assert_counts(api: &Api, range: &[(&str, &str)], expected: usize) {
    let stats = json_of(api, "/logs/stats", &[range, &[("interval", "1s")]].concat()).await;
    let buckets = stats["series"][0]["values"].as_array().unwrap();
    let in_buckets: u64 = buckets.iter().filter_map(Value::as_u64).sum();
    let export = api.send(api.http.get(api.url("/logs/export")).query(range)).await.unwrap();
    let exported = export.text().await.unwrap().lines().count();
    let hits = api.all_hits(range).await;
    let paged: HashSet<_> = hits.iter().map(|hit| hit["id"].as_str()).collect();

    let counts = json!([stats["total"], in_buckets, exported, hits.len(), paged.len()]);
    assert_eq!(counts, json!(vec![expected; 5]), "total, buckets, export, hits, different hits");
}
