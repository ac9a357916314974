//! Calls the function without a network. Only accepted documents reach the queue.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

mod bad_input;
mod documents;
mod ids;
mod probes;
mod single;
mod support;
