//! How long entries are kept.

use serde::Deserialize;

use super::value;
use crate::retention::Retention;

/// How long entries are kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RetentionConfig {
    /// How long entries are kept, by class. `RETENTION`. By default, entries are kept for 30 days
    /// if the store is new, and forever otherwise.
    #[serde(deserialize_with = "value::parsed_or_none")]
    pub retention: Option<Retention>,
}

impl RetentionConfig {
    /// The setting that decides the classes of entries. Without it there is one class.
    #[must_use]
    pub fn classes(&self) -> Retention {
        self.retention.clone().unwrap_or(Retention::FOREVER)
    }
}
