//! The consumer on the embedded adapters: nothing is committed before both sinks have it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is a failed test")]

mod commit_order;
mod dead_letters;
mod delivery;
mod support;
