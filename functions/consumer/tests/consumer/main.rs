//! The consumer on the embedded adapters: a record is committed only after both sinks have its
//! entries.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is a failed test")]

mod commit_order;
mod dead_letters;
mod delivery;
mod support;
