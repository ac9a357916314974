//! Test support: log entries to send through a port, and ports that always fail.
#![allow(clippy::unwrap_used, reason = "only tests use this module")]

mod broken;
mod entries;

pub use broken::Broken;
pub use entries::{EntryBuilder, entries, entry, series};
