//! How the OpenAPI document groups the operations of functions.

use poem_openapi::Tags;

/// The group of an operation.
#[derive(Tags)]
pub enum Tag {
    /// Save, get and search log entries.
    Logs,
}
