//! What a person on call reads: logs by `tracing`, figures by `metrics`.
//! Both are set up once a process; what comes later changes nothing.

use std::{sync::OnceLock, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, LogFormat, TelemetryConfig};

/// The upper bounds of the buckets of every histogram of seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The upper bounds of the buckets of every histogram of entries.
const ENTRIES: [f64; 8] = [1.0, 10.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0];

/// How often the samples of histograms are put into their buckets. Until then they take memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// Sends logs to standard error, panics among them, and starts counting.
///
/// # Errors
/// When `RUST_LOG` is no filter.
pub fn init(config: &TelemetryConfig) -> Result<(), ConfigError> {
    let filter = EnvFilter::builder().parse(&config.rust_log).map_err(|error| ConfigError {
        variable: "RUST_LOG".to_owned(),
        problem: error.to_string(),
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber is refused; the first one stays (tests).
    let _ = match config.log_format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    metrics_handle();
    metrics::gauge!("build_info", "version" => crate::VERSION).set(1.0);
    Ok(())
}

/// What writes the metrics of this process; the first call begins to record them.
pub fn metrics_handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let entries = Matcher::Suffix("_entries".to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(seconds, &SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(entries, &ENTRIES))
            // It fails without a bucket only.
            .unwrap_or_default()
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("metrics are recorded elsewhere already");
        }
        keep_up(handle.clone());
        handle
    })
}

/// Puts samples into their buckets for as long as the process lives.
fn keep_up(handle: PrometheusHandle) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(UPKEEP);
            handle.run_upkeep();
        }
    });
}
