//! Settings of the consumer.

use std::time::Duration;

use serde::Deserialize;

use super::value;

/// The limits on the batches that the consumer writes to the store and the index.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct BatchConfig {
    /// A batch is written once it contains this many entries. `BATCH_MAX_ENTRIES`, default 20000.
    #[serde(rename = "batch_max_entries", deserialize_with = "value::number::<1, 100_000, _, _>")]
    pub max_entries: usize,
    /// How long a batch waits for more entries. `BATCH_MAX_WAIT_MS`, default 200.
    #[serde(
        rename = "batch_max_wait_ms",
        deserialize_with = "value::milliseconds::<1, 60_000, _>"
    )]
    pub max_wait: Duration,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self { max_entries: 20_000, max_wait: Duration::from_millis(200) }
    }
}
