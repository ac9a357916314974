//! The runtime from outside: a function made here, served without a socket and with one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod answers;
mod connections;
mod function;
mod shutdown;
