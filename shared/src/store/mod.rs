//! The store: keeps every entry and returns it by id.
//! Adapters: SQLite (embedded) and MySQL (cluster).

#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod insert_plan;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod job_rows;
mod jobs;
#[cfg(feature = "mysql")]
mod mysql;
mod range;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod rows;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod scan;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

pub use self::jobs::{DeleteJob, DeleteJobs};
#[cfg(feature = "mysql")]
pub use self::mysql::Lock;
pub use self::range::IdRange;
use crate::config::url_options::unknown_scheme;
use crate::error::{Ready, Refused, Result};
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::retention::{Class, Keep};

/// Stores entries by id. Entries of each class and day are kept together, apart from all others.
///
/// # Contract
/// * When `insert` returns, every entry that it did not refuse is durable and visible to `get`.
/// * Inserts are idempotent by id: the first write wins, also if a later one is in another class.
/// * Once the days before a day have been dropped, no entry of these days and this class is
///   inserted again.
/// * An entry that the database will never accept is refused on its own; the others are stored.
/// * A deleted entry is never inserted again: until its day is dropped, the store keeps its id.
/// * A scan that continues after the last entry of each page returns every entry that was in the
///   range when it began, once. Entries that are inserted behind its position are not returned.
#[async_trait]
pub trait Store: Ready {
    /// Inserts the entries and returns those that are not stored: the invalid ones, those that have
    /// been deleted, those whose day has been dropped, and those whose id has been stored in another
    /// class.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond or is
    /// full, [`Error::Failed`](crate::Error::Failed) when either the store or an entry may be the
    /// cause. Some of the entries may have been stored: insert all of them again.
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>>;

    /// Returns the entry with this id, if it exists and has not been deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>>;

    /// Returns the classes that the store may have entries of, the default first.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn classes(&self) -> Result<Vec<Class>>;

    /// Returns the first entries of the class in the range, in the order of their ids: at most
    /// `limit`, and no further entry once their text has 8 MiB. The page is empty only if the range
    /// is. A row that is not an entry is skipped, counted and logged.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn scan(&self, class: &Class, range: IdRange, limit: usize) -> Result<ScanPage>;

    /// Counts the entries of the class in the range. The database reads all of them, which takes
    /// about a second per million.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn count(&self, class: &Class, range: IdRange) -> Result<u64>;

    /// Deletes the entries with these ids, at most 1,000, and returns their number. Ids that the
    /// store does not have, and entries that have been deleted, are ignored. It can be repeated
    /// after an error.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn delete(&self, ids: &[EntryId]) -> Result<u64>;

    /// Returns which of these ids the store has, including those of deleted entries.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn lookup(&self, ids: &[EntryId]) -> Result<BTreeMap<EntryId, Stored>>;

    /// Returns the first ids of deleted entries of the class in the range, in order: at most `limit`.
    /// If there are few, it takes as long as a count.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn deleted(&self, class: &Class, range: IdRange, limit: usize) -> Result<Vec<EntryId>>;

    /// Returns a number that every deletion and every drop of a day increases. As long as it is the
    /// same, no entry has been deleted or dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn deletions(&self) -> Result<u64>;

    /// Returns the greatest id of the class in the range, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn last(&self, class: &Class, range: IdRange) -> Result<Option<EntryId>>;

    /// Prepares for the entries of the next days. A store that an earlier release wrote is brought
    /// into the form from which days can be dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn prepare(&self, _today: Day) -> Result<()> {
        Ok(())
    }

    /// Returns how long entries are kept if no setting decides it: for 30 days if the store had no
    /// entries when this release first opened it, otherwise forever.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn default_keep(&self) -> Result<Keep>;

    /// Returns what the store has of each class and day, in no particular order.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn days(&self) -> Result<Vec<StoredDay>>;

    /// Returns the first day that is kept of each class of which days have been dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn first_days(&self) -> Result<BTreeMap<Class, Day>>;

    /// Returns a class of which entries of the day have been dropped, or refused because the day had
    /// been dropped, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn dropped(&self, day: Day) -> Result<Option<Class>>;

    /// Drops the days of the class before `first`, and frees their space. From now on, entries of
    /// these days are not inserted. It can be repeated after an error.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn drop_before(&self, class: &Class, first: Day) -> Result<()>;
}

/// What a store has of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The class of the entry.
    pub class: Class,
    /// Whether the entry has been deleted.
    pub is_deleted: bool,
}

/// The entries of a class and day in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDay {
    /// The class.
    pub class: Class,
    /// The day of arrival.
    pub day: Day,
    /// The approximate number of entries. It is zero if all of them have been deleted. MySQL also
    /// counts those that have been deleted.
    pub entries: u64,
    /// The approximate size on disk.
    pub bytes: u64,
}

/// A page of a scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScanPage {
    /// The entries, in the order of their ids.
    pub entries: Vec<LogEntry>,
    /// The number of rows that are not entries, because they were changed or damaged. Counts those
    /// before the last entry, or all in the range if it has no entry.
    pub damaged: u64,
}

/// The name of the port in errors.
#[cfg(any(feature = "mysql", feature = "sqlite"))]
const SERVICE: &str = "store";

/// The variable that holds the store's URL.
const VARIABLE: &str = "STORE_URL";

const SCHEMES: &[&str] = &[
    #[cfg(feature = "mysql")]
    "mysql",
    #[cfg(feature = "sqlite")]
    "sqlite",
];

/// Opens the store at this URL.
///
/// * `sqlite:///path/to/file`: a local file, created if it does not exist.
/// * `mysql://user:password@host:3306/database`: an existing database. `ssl-mode` and `ssl-ca` have
///   the same meaning as in the `mysql` client, e.g. `?ssl-mode=VERIFY_CA&ssl-ca=/path/to/ca.pem`.
///   MySQL may be down when the store is opened.
///
/// # Errors
/// When the URL is invalid, or the file cannot be opened or created.
pub async fn open(url: &Url) -> anyhow::Result<Arc<dyn Store>> {
    match url.scheme() {
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite::open(url).await,
        #[cfg(feature = "mysql")]
        "mysql" => Ok(mysql::open(url)?),
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}

/// Empties the write-ahead logs of an embedded store at this URL before the process ends. Other stores
/// have none.
///
/// # Errors
/// When the files cannot be written. Nothing is lost then: the next start reads the logs.
pub async fn empty_logs(url: &Url) -> anyhow::Result<()> {
    match url.scheme() {
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite::empty_logs(url).await,
        _ => Ok(()),
    }
}

/// Opens the jobs that delete entries of the store at this URL.
///
/// # Errors
/// When the URL is invalid, or the file cannot be opened or created.
pub async fn open_delete_jobs(url: &Url) -> anyhow::Result<Arc<dyn DeleteJobs>> {
    match url.scheme() {
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite::open_delete_jobs(url).await,
        #[cfg(feature = "mysql")]
        "mysql" => Ok(mysql::open_delete_jobs(url)?),
        _ => Err(unknown_scheme(VARIABLE, url, SCHEMES).into()),
    }
}

/// Acquires the lock with this name, of at most 20 characters, in the store at this URL. Returns
/// `None` if another process holds it.
///
/// # Errors
/// When the URL is not that of a store in MySQL, or MySQL does not respond.
#[cfg(feature = "mysql")]
pub async fn lock(url: &Url, name: &'static str) -> anyhow::Result<Option<Lock>> {
    anyhow::ensure!(url.scheme() == "mysql", unknown_scheme(VARIABLE, url, &["mysql"]));
    Lock::acquire(url, name).await
}
