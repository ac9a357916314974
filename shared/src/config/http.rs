//! Settings of the HTTP server, and the size limits of requests.

use std::{net::Ipv4Addr, time::Duration};

use ipnet::IpNet;
use serde::Deserialize;

use super::{AllowedOrigins, value};

/// The settings of the HTTP server.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct HttpConfig {
    /// The address or host name to listen on. `HOST`, default 127.0.0.1 because there is no
    /// authentication.
    #[serde(deserialize_with = "value::text")]
    pub host: String,
    /// The port to listen on; 0 selects a free one. `PORT`, default 8080.
    #[serde(deserialize_with = "value::number::<0, 65_535, _, _>")]
    pub port: u16,
    /// The proxies whose `X-Real-IP`, `X-Request-Id` and `X-Request-Start` are trusted: IP
    /// addresses and CIDRs, separated by commas. `TRUSTED_PROXIES`, default none.
    #[serde(deserialize_with = "value::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The origins of pages that may call the API from a browser: origins separated by commas, or
    /// `*`. `CORS_ALLOWED_ORIGINS`, default none.
    #[serde(deserialize_with = "value::parsed")]
    pub cors_allowed_origins: AllowedOrigins,
    /// The grace period for requests in flight at shutdown. `SHUTDOWN_TIMEOUT_SECONDS`, default 30.
    #[serde(
        rename = "shutdown_timeout_seconds",
        deserialize_with = "value::seconds::<1, 3600, _>"
    )]
    pub shutdown_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: 8080,
            trusted_proxies: Vec::new(),
            cors_allowed_origins: AllowedOrigins::default(),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// The size limits of requests.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct LimitsConfig {
    /// The maximum size of a request body as sent. `MAX_BODY_BYTES`, default 10 MiB.
    #[serde(deserialize_with = "value::number::<1, 1_073_741_824, _, _>")]
    pub max_body_bytes: usize,
    /// The maximum size of a compressed request body once it is decompressed.
    /// `MAX_DECOMPRESSED_BYTES`, default 64 MiB.
    #[serde(deserialize_with = "value::number::<1, 1_073_741_824, _, _>")]
    pub max_decompressed_bytes: usize,
    /// The maximum size of an entry as JSON. `MAX_ENTRY_BYTES`, default 1 MiB, which is also the
    /// maximum, because a queue record cannot hold a larger entry.
    #[serde(deserialize_with = "value::number::<1, 1_048_576, _, _>")]
    pub max_entry_bytes: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: 10 * 1024 * 1024,
            max_decompressed_bytes: 64 * 1024 * 1024,
            max_entry_bytes: 1024 * 1024,
        }
    }
}
