//! The schema of the index's state.

use poem_openapi::Enum;
use serde::Serialize;

/// A state of the index in which entries may be missing: `rebuilding` while it is being built from
/// the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub enum IndexState {
    /// It is being built from the store.
    Rebuilding,
}
