//! The metrics of standalone LogPulse, as Prometheus scrapes them.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod support;

use acceptance::metrics::{counters, lint};
use acceptance::{Api, unique};

/// The protocols in which entries arrive.
const PROTOCOLS: [&str; 6] = ["any", "elasticsearch", "logs", "loki", "otlp", "syslog"];

/// The series that [`fixed_counters`] returns, besides those of each protocol.
const COUNTERS: [&str; 23] = [
    "cache_lookups_total{result=\"failure\"}",
    "cache_lookups_total{result=\"hit\"}",
    "cache_lookups_total{result=\"miss\"}",
    "consumer_dead_letters_total",
    "consumer_deleted_total",
    "consumer_entries_total",
    "consumer_expired_total",
    "retention_drops_total",
    "retention_early_drops_total",
    "retention_failures_total",
    "consumer_retries_total{what=\"commit\"}",
    "consumer_retries_total{what=\"dead_letters\"}",
    "consumer_retries_total{what=\"index\"}",
    "consumer_retries_total{what=\"poll\"}",
    "consumer_retries_total{what=\"store\"}",
    "delete_entries_total",
    "delete_failures_total",
    "delete_jobs_total{state=\"created\"}",
    "delete_jobs_total{state=\"failed\"}",
    "delete_jobs_total{state=\"finished\"}",
    "rate_limit_decisions_total{decision=\"allowed\"}",
    "rate_limit_decisions_total{decision=\"refused\"}",
    "rate_limit_decisions_total{decision=\"unknown\"}",
];

const REASONS: [&str; 6] =
    ["failed", "invalid", "too_large", "too_slow", "unavailable", "unsupported"];

/// The series that [`fixed_counters`] returns.
fn expected_counters() -> Vec<String> {
    let mut counters = COUNTERS.map(str::to_owned).to_vec();
    for protocol in PROTOCOLS {
        counters.push(format!("ingest_entries_accepted_total{{protocol=\"{protocol}\"}}"));
        counters.extend(REASONS.map(|reason| {
            let labels = format!("protocol=\"{protocol}\",reason=\"{reason}\"");
            format!("ingest_entries_refused_total{{{labels}}}")
        }));
    }
    counters.sort_unstable();
    counters
}

async fn scrape(api: &Api) -> String {
    api.get("/metrics").await.text().await.unwrap()
}

/// Returns the counter series of the functions. Omits the CPU time, the rate limiter's failures,
/// and the requests, because their label values are not fixed.
fn fixed_counters(metrics: &str) -> Vec<String> {
    let mut counters = counters(metrics);
    assert!(counters.remove("process_cpu_seconds_total"), "{metrics}");
    assert!(counters.remove("rate_limit_failures_total"), "{metrics}");
    counters.retain(|series| !series.starts_with("http_requests_total"));
    counters.into_iter().collect()
}

#[tokio::test]
async fn counters_start_at_zero_and_requests_add_no_unknown_series() {
    let folder = tempfile::tempdir().unwrap();
    let server = support::start(folder.path(), &[("SYSLOG_PORT", "0")]);
    let api = Api::new(&server.url);
    let at_start = scrape(&api).await;
    let expected = expected_counters();
    assert_eq!(fixed_counters(&at_start), expected);
    for counter in &expected {
        assert!(at_start.contains(&format!("{counter} 0\n")), "{counter}: {at_start}");
    }

    exercise(&api).await;
    let metrics = scrape(&api).await;
    assert_eq!(fixed_counters(&metrics), expected);
    for sample in [
        "ingest_entries_accepted_total{protocol=\"logs\"} 1\n",
        "ingest_entries_refused_total{protocol=\"logs\",reason=\"invalid\"} 1\n",
        "ingest_entries_refused_total{protocol=\"logs\",reason=\"unsupported\"} 1\n",
        "consumer_entries_total 1\n",
        "consumer_batch_entries_count 1\n",
        "consumer_delivery_seconds_count{sink=\"index\"} 1\n",
    ] {
        assert!(metrics.contains(sample), "{sample} is missing: {metrics}");
    }
}

/// Sends accepted and rejected requests to every function.
async fn exercise(api: &Api) {
    let service = unique("metrics");
    let entry = serde_json::json!({"service_name": service, "message": "m"}).to_string();
    assert_eq!(api.post("/logs", "application/json", entry.clone()).await.status(), 201);
    assert_eq!(api.post("/logs", "application/json", "{}").await.status(), 400);
    assert_eq!(api.post("/logs", "text/plain", entry).await.status(), 415);
    let hits = api.search_until(&[("service_name", &service)], 1).await;
    let id = hits["data"][0]["id"].as_str().unwrap();
    assert!(api.entry(id).await.is_some());
    assert!(api.entry(id).await.is_some());
    assert_eq!(api.get("/nothing").await.status(), 404);
}

#[tokio::test]
async fn every_metric_has_a_help_text_and_passes_promtool() {
    let folder = tempfile::tempdir().unwrap();
    let server = support::start(folder.path(), &[]);
    let api = Api::new(&server.url);
    exercise(&api).await;
    let metrics = scrape(&api).await;
    lint(&metrics);
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} has no help text");
    }
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_threads"] {
        assert!(metrics.contains(&format!("\n{name} ")), "{name} is missing: {metrics}");
    }
}
