//! Makes the calls shown in a document and compares the responses with those shown there.
//!
//! An expectation is a status, often followed by the JSON of the body: `201 {"id":"…",…}`. In
//! the body, `…` matches the parts that vary:
//!
//! - in a string, any text: `"…"`, `"2026-…Z"`
//! - as a value, any value: `{"total":…}`
//! - as the last element of an array, any further elements: `[1,…]`
//! - as a member of an object, any further members: `{"count":1,…}` or `{"count":1,"…":"…"}`
//!
//! Everything else must match exactly.

mod expectation;
mod http_file;
mod shell;

pub use http_file::{called_operations, check_calls};
pub use shell::{Block, blocks, check_blocks};
