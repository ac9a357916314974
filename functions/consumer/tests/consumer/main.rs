//! Runs the consumer with the embedded adapters. A record is committed only after each of its
//! entries is in both sinks or has become a dead letter.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

mod commit_order;
mod dead_letters;
mod deletion;
mod delivery;
mod shutdown;
mod support;
