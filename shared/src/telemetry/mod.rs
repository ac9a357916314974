//! Logs (`tracing`) and metrics (`metrics`), set up once per process.

mod filter;
mod metrics;
mod recorder;

use std::io::{self, IsTerminal};

pub use self::metrics::{
    CACHE_METRICS, CONSUMER_METRICS, DELETE_METRICS, Metric, RATE_LIMIT_METRICS, RETENTION_METRICS,
    start_counters,
};
pub use recorder::{record_metrics, render_metrics};

use tracing_subscriber::EnvFilter;

use crate::config::{DEFAULT_LEVEL, LogFormat, TelemetryConfig};

/// Starts logging to standard error, including panics, and starts recording metrics. If `RUST_LOG`
/// is not a valid filter, the default level is logged, because a mistake in the filter must not stop
/// a service.
pub fn init(config: &TelemetryConfig) {
    let (filter, invalid) = match filter::parse(&config.rust_log) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(DEFAULT_LEVEL), Some(error)),
    };
    let mut logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // On a terminal, the subscriber itself respects `NO_COLOR`.
    if !io::stderr().is_terminal() {
        logs = logs.with_ansi(false);
    }
    // Only the first subscriber of a process is installed; tests may call this again.
    let _ = match config.log_format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    if let Some(error) = invalid {
        tracing::warn!("{error}; logging at the default level, {DEFAULT_LEVEL}");
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    record_metrics();
    ::metrics::gauge!("build_info", "version" => crate::VERSION).set(1.0);
}
