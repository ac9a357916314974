//! The code that all LogPulse functions share: the log entry, the ports and their adapters, and the
//! runtime that serves a function.
//!
//! # The path of a log entry
//!
//! ```text
//! POST /logs        NewLogEntry -- arrive --> LogEntry -- queue.publish --> 201 {id}   ingest
//!                   queue.poll --> Batch -- store.insert, then index.add --> commit      consumer
//! GET /logs/{id}    cache.get, else store.get then cache.put --> LogEntry or 404       get
//! GET /logs/search  SearchQuery -- index.search --> SearchHits                         search
//! ```
//!
//! # Modules
//!
//! * [`log_entry`]: the entry, and how it gets its id, level and timestamp on arrival.
//! * [`search`]: queries and hits; [`aggregation`]: figures about all hits.
//! * [`intake`]: from decoded entries to records on the queue.
//! * [`json`]: splits a body into JSON texts, so that an invalid one does not affect the others.
//! * [`pattern`]: the template of a message, its identifier, and merging similar templates.
//! * [`queue`], [`store`], [`index`], [`cache`], [`limiter`]: the ports. Each module contains a
//!   trait that documents the contract, `open(&url)`, and one file or folder per adapter.
//! * [`retention`]: how long entries are kept.
//! * `reindex`: builds the index from the store.
//! * `backup`: backs up the embedded queue and store, and restores them.
//! * [`http`]: serves functions (listener, limits, health, rate limit, problems, OpenAPI).
//! * [`config`] reads the environment, [`telemetry`] sets up logs and metrics, [`trace`] carries
//!   the trace context, [`process`] runs `main`, [`error`] classifies failures.
//!
//! # Features
//!
//! One per technology: `kafka`, `memory`, `mysql`, `opensearch`, `redis`, `sqlite`, `tantivy`. Each
//! adds the adapters for that technology. `testing` adds an entry builder and ports that are always
//! unavailable.

pub mod aggregation;
#[cfg(feature = "sqlite")]
pub mod backup;
#[cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "only the Redis adapters use the circuit breaker")
)]
mod breaker;
pub mod cache;
pub mod config;
pub mod disk;
#[cfg(any(feature = "sqlite", feature = "tantivy"))]
mod durable;
pub mod error;
pub mod http;
pub mod index;
pub mod index_reader;
pub mod intake;
pub mod json;
pub mod limiter;
pub mod log_entry;
pub mod pattern;
pub mod process;
pub mod protobuf;
pub mod query;
pub mod queue;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "opensearch", feature = "tantivy"))]
pub mod reindex;
pub mod retention;
pub mod retry;
pub mod search;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod store;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod trace;

pub use error::{Error, Ready};
pub use log_entry::{Arrival, EntryId, Level, LogEntry, NewLogEntry, Timestamp};
pub use trace::TraceParent;

/// The version of LogPulse.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
