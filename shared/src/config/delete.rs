//! Settings of the function that deletes entries.

use serde::Deserialize;

use super::{AllowedOrigins, value};

/// Whether entries can be deleted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DeleteConfig {
    /// Whether clients may delete entries. There is no authentication yet. `DELETE_ENABLED`, default
    /// false.
    #[serde(rename = "delete_enabled", deserialize_with = "value::boolean")]
    pub enabled: bool,
    /// The origins of pages that may delete entries, besides LogPulse's own.
    /// `CORS_ALLOWED_ORIGINS`, default none.
    #[serde(deserialize_with = "value::parsed")]
    pub cors_allowed_origins: AllowedOrigins,
}
