//! The store: every entry, found by its id.
//! Adapters: SQLite (embedded), MySQL (cluster).

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod rows;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

use crate::config::unknown_scheme;
use crate::error::{Ready, Refused, Result};
use crate::log_entry::{EntryId, LogEntry};

/// Where entries are kept by id.
///
/// # Contract
/// * When `insert` returns, every entry that it did not refuse is durable and found by `get`.
/// * It is idempotent by id: the first entry with an id stays, whatever comes later.
/// * An entry that the database will never take is refused alone; the others are stored.
#[async_trait]
pub trait Store: Ready {
    /// Keeps the entries; answers those that can never be kept.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not answer or has no
    /// room: any part of the entries may be stored, insert them all again.
    /// [`Error::Failed`](crate::Error::Failed) when that, or one of the entries, is why.
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>>;

    /// The entry with this id, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not answer.
    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>>;
}

/// The variable that holds the store's URL.
const VARIABLE: &str = "STORE_URL";

const SCHEMES: &[&str] = &[
    #[cfg(feature = "mysql")]
    "mysql",
    #[cfg(feature = "sqlite")]
    "sqlite",
];

/// Opens the store that the URL names.
///
/// * `sqlite:///path/to/file`: a file of this machine.
/// * `mysql://user:password@host:3306/database`: a database that exists; `ssl-mode` and `ssl-ca` as
///   the `mysql` client knows them, e.g. `?ssl-mode=VERIFY_CA&ssl-ca=/path/to/ca.pem`. It may be away
///   when it is opened.
///
/// # Errors
/// When the scheme is unknown, or the store cannot be opened or created.
pub async fn open(url: &Url) -> anyhow::Result<Arc<dyn Store>> {
    match url.scheme() {
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite::open(url).await,
        #[cfg(feature = "mysql")]
        "mysql" => Ok(mysql::open(url)?),
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}
