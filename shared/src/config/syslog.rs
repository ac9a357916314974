//! Settings of the syslog listener.

use serde::Deserialize;

use super::value;

/// The port of the syslog listener.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct SyslogConfig {
    /// The port for TCP and UDP, on the same address as the HTTP server; 0 selects a free one.
    /// `SYSLOG_PORT`; by default, standalone LogPulse does not listen, and the syslog function
    /// listens on 5514.
    #[serde(deserialize_with = "value::number_or_none::<0, 65_535, _, _>")]
    pub syslog_port: Option<u16>,
}
