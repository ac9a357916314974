//! Every LogPulse metric, with its HELP text for `/metrics`.
//! `process_*` (CPU, memory, file descriptors, threads) come from the `metrics-process` crate.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram};

/// A metric, and its description for Prometheus.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    name: &'static str,
    kind: Kind,
    help: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A counter without labels.
    Counter,
    /// A counter with one label, and the values of the label.
    CounterBy(&'static str, &'static [&'static str]),
    /// A counter with label values that are not known in advance.
    CounterByAny,
    Gauge,
    Histogram,
}

use Kind::{Counter, CounterBy, CounterByAny, Gauge, Histogram};

/// The metrics of the process.
const PROCESS_METRICS: [Metric; 1] =
    [metric("build_info", Gauge, "LogPulse version as a label; the value is always 1")];

/// The metrics of the HTTP server.
const HTTP_METRICS: [Metric; 3] = [
    metric("http_requests_total", CounterByAny, "HTTP requests by method, route and status"),
    metric(
        "http_request_duration_seconds",
        Histogram,
        "Time from the arrival of an HTTP request to its response, in seconds",
    ),
    metric("http_connections", Gauge, "Open HTTP connections"),
];

/// The metrics of the rate limit.
pub const RATE_LIMIT_METRICS: [Metric; 2] = [
    metric(
        "rate_limit_decisions_total",
        CounterBy("decision", &["allowed", "refused", "unknown"]),
        "Requests by rate limit decision; unknown requests pass because the limiter is down",
    ),
    metric("rate_limit_failures_total", Counter, "Failed calls to the rate limiter"),
];

/// The metrics of every function that accepts log entries; `intake` starts their counters.
const INGEST_METRICS: [Metric; 2] = [
    metric(
        "ingest_entries_accepted_total",
        CounterByAny,
        "Log entries published to the queue by protocol",
    ),
    metric(
        "ingest_entries_refused_total",
        CounterByAny,
        "Rejected log entries by protocol and reason; a request body that could not be read counts \
         as one",
    ),
];

/// The metrics of the queue.
const QUEUE_METRICS: [Metric; 2] = [
    metric("queue_lag", Gauge, "Uncommitted records on the queue by partition"),
    metric("queue_oldest_age_seconds", Gauge, "Age of the oldest uncommitted record, in seconds"),
];

/// The metrics of the consumer.
pub const CONSUMER_METRICS: [Metric; 7] = [
    metric(
        "consumer_entries_total",
        Counter,
        "Log entries that were stored and indexed, or written to the dead letters",
    ),
    metric("consumer_batch_entries", Histogram, "Log entries per batch"),
    metric(
        "consumer_delivery_seconds",
        Histogram,
        "Time to write a batch to a sink (store or index) including retries, in seconds",
    ),
    metric(
        "consumer_retries_total",
        CounterBy("what", &["commit", "dead_letters", "index", "poll", "store"]),
        "Failed operations that the consumer retries, by operation",
    ),
    metric("consumer_dead_letters_total", Counter, "Log entries written to the dead letters"),
    metric("consumer_expired_total", Counter, "Log entries of days that were already dropped"),
    metric("consumer_deleted_total", Counter, "Log entries that had already been deleted"),
];

/// The metrics of the cache.
pub const CACHE_METRICS: [Metric; 1] = [metric(
    "cache_lookups_total",
    CounterBy("result", &["failure", "hit", "miss"]),
    "Lookups of log entries in the cache by result",
)];

/// The metrics of deletions.
pub const DELETE_METRICS: [Metric; 3] = [
    metric("delete_entries_total", Counter, "Deleted log entries"),
    metric(
        "delete_jobs_total",
        CounterBy("state", &["created", "failed", "finished"]),
        "Deletions by query, by state",
    ),
    metric(
        "delete_failures_total",
        Counter,
        "Failed attempts to run deletions by query, which are retried",
    ),
];

/// The metrics of retention. Numbers of entries and bytes are estimates.
pub const RETENTION_METRICS: [Metric; 7] = [
    metric("retention_entries", Gauge, "Stored log entries by class and day of arrival"),
    metric("retention_bytes", Gauge, "Size of the stored log entries by class and day of arrival"),
    metric(
        "retention_oldest_timestamp_seconds",
        Gauge,
        "Start of the oldest stored day by class, in seconds since 1970",
    ),
    metric(
        "retention_differences",
        Gauge,
        "Days that only the store or only the index has, by the part that does not have them",
    ),
    metric("retention_drops_total", Counter, "Days dropped from the store"),
    metric(
        "retention_early_drops_total",
        Counter,
        "Days dropped before their time, because the disk had too little free space",
    ),
    metric("retention_failures_total", Counter, "Failed attempts to drop days"),
];

/// The metrics of the disk of standalone LogPulse.
const DISK_METRICS: [Metric; 2] = [
    metric("disk_free_bytes", Gauge, "Free space on the disk of DATA_DIR"),
    metric("disk_size_bytes", Gauge, "Size of the disk of DATA_DIR"),
];

const ALL: [&[Metric]; 10] = [
    &PROCESS_METRICS,
    &HTTP_METRICS,
    &RATE_LIMIT_METRICS,
    &INGEST_METRICS,
    &QUEUE_METRICS,
    &CONSUMER_METRICS,
    &CACHE_METRICS,
    &DELETE_METRICS,
    &RETENTION_METRICS,
    &DISK_METRICS,
];

const fn metric(name: &'static str, kind: Kind, help: &'static str) -> Metric {
    Metric { name, kind, help }
}

/// Registers every metric's description with the recorder.
pub(super) fn describe() {
    for Metric { name, kind, help } in ALL.into_iter().flatten().copied() {
        match kind {
            Counter | CounterBy(..) | CounterByAny => describe_counter!(name, help),
            Gauge => describe_gauge!(name, help),
            Histogram => describe_histogram!(name, help),
        }
    }
}

/// Starts the counters among these metrics at zero, so that Prometheus sees their first increase.
pub fn start_counters(metrics: &[Metric]) {
    for Metric { name, kind, .. } in metrics {
        match *kind {
            Counter => counter!(*name).increment(0),
            CounterBy(label, values) => {
                for value in values {
                    counter!(*name, label => *value).increment(0);
                }
            }
            CounterByAny | Gauge | Histogram => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Returns the source files in a directory and its subdirectories.
    fn sources(directory: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let nested = paths.map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
        let mut files: Vec<PathBuf> = nested.flatten().collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
        files
    }

    /// Returns the names of the metrics that a source file records.
    fn recorded_names(source: &str) -> Vec<String> {
        let macros = ["counter!(", "gauge!(", "histogram!("];
        let calls = macros.iter().flat_map(|name| source.split(name).skip(1));
        let names = calls.filter_map(|call| call.trim_start().strip_prefix('"')?.split('"').next());
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        names.filter(|name| name.chars().all(is_name)).map(str::to_owned).collect()
    }

    #[test]
    fn the_list_contains_exactly_the_metrics_that_the_code_records() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folders = ["shared/src", "functions", "deployments/standalone/src"];
        let files: Vec<PathBuf> =
            folders.iter().flat_map(|folder| sources(&root.join(folder))).collect();
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        let recorded: BTreeSet<String> = texts.flat_map(|text| recorded_names(&text)).collect();
        let listed = ALL.into_iter().flatten().map(|metric| metric.name.to_owned());
        assert_eq!(recorded, listed.collect());
    }
}
