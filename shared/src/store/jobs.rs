//! The port of the jobs that delete entries. They are kept next to the entries, so that they
//! continue after a restart.

use async_trait::async_trait;

use crate::error::{Ready, Result};
use crate::log_entry::{EntryId, Timestamp};

/// A job that deletes the entries that match its filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteJob {
    /// Its id, a `UUIDv7` like those of entries.
    pub id: EntryId,
    /// When it was created. Entries that arrive later are kept.
    pub created: Timestamp,
    /// The address of the client that created it.
    pub client: String,
    /// The filters, as JSON.
    pub filters: String,
    /// The number of entries that matched when it was created.
    pub matched: u64,
    /// The number of entries that it has deleted, including the pending ones.
    pub deleted: u64,
    /// The entries that it is deleting. After a restart, they are deleted again.
    pub pending: Vec<EntryId>,
    /// When it finished or failed.
    pub finished: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
    /// The number of times that it has been saved.
    pub version: u64,
}

/// Keeps the jobs.
#[async_trait]
pub trait DeleteJobs: Ready {
    /// Adds a job, unless it exists or there are already `max` unfinished ones. Returns whether it
    /// exists now, so that it can be repeated after an error. Jobs that finished 30 days ago are
    /// removed.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn add(&self, job: &DeleteJob, max: usize) -> Result<bool>;

    /// Returns the job with this id, if it exists.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn get(&self, id: EntryId) -> Result<Option<DeleteJob>>;

    /// Returns the jobs that are not finished or finished after `time`, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn active_since(&self, time: Timestamp) -> Result<Vec<DeleteJob>>;

    /// Saves the progress of a job and increases its version. Returns whether it was saved: it is
    /// not if another process has saved it in the meantime.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the store does not respond.
    async fn save(&self, job: &mut DeleteJob) -> Result<bool>;
}
