//! Logging settings.

use std::{
    io::{IsTerminal, stderr},
    str::FromStr,
};

use serde::Deserialize;

use super::value;

/// The default of `RUST_LOG`.
pub(crate) const DEFAULT_LEVEL: &str = "info";

/// The log filter and the log format.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct TelemetryConfig {
    /// The log level or filter: `info`, or `warn,shared=debug`. `RUST_LOG`, default info.
    /// If it is invalid, the default applies.
    #[serde(deserialize_with = "value::text")]
    pub rust_log: String,
    /// The format of a log line. `LOG_FORMAT`, default text on a terminal and json elsewhere.
    #[serde(deserialize_with = "value::parsed")]
    pub log_format: LogFormat,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable text.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        let log_format = if stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
        Self { rust_log: DEFAULT_LEVEL.to_owned(), log_format }
    }
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be text or json"),
        }
    }
}
