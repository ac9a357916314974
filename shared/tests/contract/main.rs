//! The contracts of the ports: one suite a port, run on every adapter of it.
#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

mod entries;
mod index;
