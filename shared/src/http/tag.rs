//! The tags that group operations in the OpenAPI document.

use poem_openapi::Tags;

/// A group of operations.
#[derive(Tags)]
pub enum Tag {
    /// Save, get and search log entries.
    Logs,
}
