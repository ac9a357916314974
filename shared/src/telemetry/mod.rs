//! Logs (`tracing`) and metrics (`metrics`), set up once per process.

mod filter;
mod metrics;
mod recorder;

use std::io::{self, IsTerminal};

pub use self::metrics::{
    CACHE_METRICS, CONSUMER_METRICS, INGEST_METRICS, Metric, RATE_LIMIT_METRICS, start_counters,
};
pub use recorder::{record_metrics, render_metrics};

use crate::config::{ConfigError, LogFormat, TelemetryConfig};

/// Starts logging to standard error, including panics, and starts recording metrics.
///
/// # Errors
/// When `RUST_LOG` is not a valid filter.
pub fn init(config: &TelemetryConfig) -> Result<(), ConfigError> {
    let filter = filter::parse(&config.rust_log)?;
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
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    record_metrics();
    ::metrics::gauge!("build_info", "version" => crate::VERSION).set(1.0);
    Ok(())
}
