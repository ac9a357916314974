//! What every LogPulse function shares: the log entry, the ports it travels through, and the
//! runtime that serves a function.
//!
//! # The journey of a log entry
//!
//! ```text
//! POST /logs        NewLogEntry -- arrive --> LogEntry -- queue.publish --> 201 {id}   ingest
//!                   queue.poll --> Batch -- store.insert and index.add --> commit      consumer
//! GET /logs/{id}    cache.get, else store.get then cache.put --> LogEntry or 404       get
//! GET /logs/search  SearchQuery -- index.search --> SearchHits                         search
//! ```
//!
//! # The map
//!
//! * [`log_entry`]: the one type, and how an id, a level and a time become certain.
//! * [`search`]: what is asked of the index, and what it answers.
//! * [`queue`], [`store`], [`index`], [`cache`], [`limiter`]: the ports. Each module is a trait with
//!   its contract, an `open(&url)`, and one file an adapter.
//! * [`http`]: serve a function: listener, health, rate limit, problems, the OpenAPI document.
//! * [`config`] reads the environment, [`telemetry`] writes logs and metrics, [`trace`] names
//!   what belongs together, [`process`] is the frame of every `main`, [`error`] sorts failures by
//!   what the caller should do.

#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "only Redis has a breaker"))]
mod breaker;
pub mod cache;
pub mod config;
pub mod error;
pub mod http;
pub mod index;
pub mod limiter;
pub mod log_entry;
pub mod process;
pub mod queue;
#[cfg(feature = "redis")]
mod redis;
pub mod search;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod store;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trace;

pub use error::{Error, Ready};
pub use log_entry::{Arrival, EntryId, Level, LogEntry, NewLogEntry, Timestamp};
pub use trace::TraceParent;

/// The version of LogPulse.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
