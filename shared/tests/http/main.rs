//! Tests the HTTP runtime through a test function, served with and without a socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic fails the test"
)]

mod connections;
mod cors;
mod protocols;
mod request_log;
mod responses;
mod shutdown;
mod support;
