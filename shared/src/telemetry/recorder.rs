//! Records metrics and renders them in the Prometheus text format.

use std::{sync::LazyLock, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use super::metrics::describe;

/// The upper bounds of the buckets in histograms of durations, in seconds.
const SECONDS_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The upper bounds of the buckets in histograms of entry counts.
const ENTRIES_BUCKETS: [f64; 10] =
    [1.0, 10.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 25_000.0, 100_000.0];

/// How often histogram samples are moved into buckets, which frees their memory.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

static RECORDER: LazyLock<PrometheusHandle> = LazyLock::new(install);

/// Starts recording metrics. Further calls have no effect.
pub fn record_metrics() {
    LazyLock::force(&RECORDER);
}

/// Returns the metrics of this process in the Prometheus text format.
#[must_use]
pub fn render_metrics() -> String {
    Collector::default().collect();
    RECORDER.render()
}

fn install() -> PrometheusHandle {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let entries = Matcher::Suffix("_entries".to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &SECONDS_BUCKETS)
        .and_then(|builder| builder.set_buckets_for_metric(entries, &ENTRIES_BUCKETS))
        // Only an empty list of buckets is an error.
        .unwrap_or_default()
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another metrics recorder is already installed");
    }
    describe();
    Collector::default().describe();
    run_upkeep(handle.clone());
    handle
}

/// Moves samples into their buckets periodically for the lifetime of the process.
fn run_upkeep(handle: PrometheusHandle) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(UPKEEP_INTERVAL);
            handle.run_upkeep();
        }
    });
}
