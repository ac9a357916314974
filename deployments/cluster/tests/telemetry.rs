//! Metrics and traces of separate function processes.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use std::collections::BTreeSet;

use acceptance::metrics::lint;
use acceptance::{Api, unique};
use cluster::{Cluster, skip_without_services, wait_until};
use serde_json::{Value, json};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The position of each function in `Cluster::start_all`, and samples that the function exposes.
const METRICS: [(usize, &[&str]); 5] = [
    (
        0,
        &[
            "ingest_entries_accepted_total{protocol=\"logs\"} 1",
            "ingest_entries_refused_total{protocol=\"logs\",reason=\"invalid\"} 1",
            "rate_limit_decisions_total{decision=\"allowed\"}",
            "http_requests_total{method=\"POST\",route=\"/logs\",status=\"201\"} 1",
        ],
    ),
    (1, &["cache_lookups_total{result=\"hit\"}", "cache_lookups_total{result=\"miss\"}"]),
    (2, &["http_request_duration_seconds_bucket{method=\"GET\",route=\"/logs/search\""]),
    (3, &["build_info"]),
    (
        4,
        &[
            "consumer_entries_total 1",
            "consumer_batch_entries_bucket",
            "consumer_delivery_seconds_count{sink=\"store\"} 1",
            "consumer_delivery_seconds_count{sink=\"index\"} 1",
            "queue_lag{partition=\"0\"} 0",
            "queue_lag{partition=\"1\"} 0",
            "queue_lag{partition=\"2\"} 0",
            "queue_oldest_age_seconds 0",
        ],
    ),
];

/// Saves an entry as part of a trace; returns its id.
async fn save(api: &Api, service: &str) -> String {
    let body = json!({"service": service, "message": "traced"}).to_string();
    let request = api.http.post(api.url("/logs")).header("content-type", "application/json");
    let request = request.header("traceparent", format!("00-{TRACE_ID}-00f067aa0ba902b7-01"));
    let saved: Value = request.body(body).send().await.unwrap().json().await.unwrap();
    saved["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_expose_metrics_and_the_consumer_logs_the_trace() {
    if skip_without_services(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await;
    let cluster =
        cluster.with("RATE_LIMIT_ENABLED", "true").with("RUST_LOG", "info,consumer=debug");
    let (api, servers) = cluster.start_all();
    let service = unique("telemetry");

    let id = save(&api, &service).await;
    let rejected = api.post("/logs", "application/json", "{}").await;
    api.search_until(&[("service_name", &service)], 1).await;
    api.entry(&id).await.unwrap();
    api.entry(&id).await.unwrap();

    assert_eq!(rejected.status(), 400);
    for (function, samples) in METRICS {
        let url = format!("{}/metrics", servers[function].url);
        for sample in samples {
            wait_until(sample, async || {
                let metrics = api.http.get(&url).send().await.unwrap().text().await.unwrap();
                metrics.lines().any(|line| matches_sample(line, sample))
            })
            .await;
        }
        lint(&api.http.get(&url).send().await.unwrap().text().await.unwrap());
    }
    wait_until("the consumer logs the batch", async || {
        cluster.log("consumer").contains("stored and indexed")
    })
    .await;
    let log = cluster.log("consumer");
    let line = log.lines().find(|line| line.contains("stored and indexed")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["trace_id"], TRACE_ID, "{line}");
    assert_eq!(line["span"]["traces"], TRACE_ID, "{line}");
    drop(servers);
    cluster.remove().await;
}

/// Whether the line matches the sample. A sample without a value matches any value except zero.
fn matches_sample(line: &str, sample: &str) -> bool {
    line.strip_prefix(sample).is_some_and(|value| !value.ends_with(" 0"))
}

/// The names of the metrics in a text, without the suffix `_bucket` of histograms.
fn metric_names(text: &str) -> BTreeSet<&str> {
    let names = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let prefixes = ["http_", "ingest_", "queue_", "consumer_", "cache_", "rate_limit_"];
    names
        .map(|name| name.trim_end_matches("_bucket"))
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect()
}

#[test]
fn the_docs_explain_every_metric_on_the_dashboard() {
    let dashboard = include_str!("../../monitoring/grafana/dashboards/logpulse.json");
    let docs = include_str!("../../../docs/operating.md");
    let (shown, explained) = (metric_names(dashboard), metric_names(docs));
    assert!(shown.len() > 8, "{shown:?}");
    assert_eq!(shown.difference(&explained).collect::<Vec<_>>(), [&""; 0]);
}
