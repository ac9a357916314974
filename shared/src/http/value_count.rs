//! How many entries have a value.

use poem_openapi::{Object, types::Example};
use serde::Serialize;

/// A value, and the number of entries that have it.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(read_only_all, example)]
pub struct ValueCount {
    /// The value as text.
    pub value: String,
    /// The number of entries with this value.
    pub count: u64,
}

impl From<(String, u64)> for ValueCount {
    fn from((value, count): (String, u64)) -> Self {
        Self { value, count }
    }
}

impl Example for ValueCount {
    fn example() -> Self {
        ("payment".to_owned(), 5).into()
    }
}

/// The share of the entries, from 0 to 1; 0 if there are none.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn share(count: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { count as f64 / total as f64 }
}
