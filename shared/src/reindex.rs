//! Builds an index from the store while searches continue and entries arrive.
//!
//! [`DerivedIndex`] is the embedded index, which is built as a whole: at startup if necessary, and
//! on request. [`rebuild_days`] rebuilds the daily indexes of a cluster on request.

#[cfg(feature = "opensearch")]
mod daily;
#[cfg(feature = "tantivy")]
mod embedded;
mod report;

use std::time::Duration;

#[cfg(feature = "opensearch")]
pub use self::daily::rebuild_days;
#[cfg(feature = "tantivy")]
pub use self::embedded::DerivedIndex;
use crate::error::{Error, Refused, Result};
use crate::log_entry::{EntryId, LogEntry};
use crate::retention::Class;
use crate::store::{IdRange, Store};

/// The maximum number of entries that are read from the store and added together.
const MAX_PAGE_ENTRIES: usize = 2000;

/// The pause before a retry.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// An index that is being built.
trait Target {
    /// Adds entries as [`Index::add`](crate::index::Index::add) does.
    fn add(&mut self, entries: &[LogEntry]) -> impl Future<Output = Result<Vec<Refused>>> + Send;

    /// Deletes entries of the class as [`Index::delete`](crate::index::Index::delete) does.
    fn delete(&mut self, class: &Class, ids: &[EntryId])
    -> impl Future<Output = Result<()>> + Send;
}

/// Adds the entries. Those that the index will never accept are logged and skipped; the consumer
/// writes such entries as dead letters.
async fn add(mut target: impl Target, entries: &[LogEntry]) -> Result<()> {
    let mut parts = vec![entries];
    while let Some(part) = parts.pop() {
        match target.add(part).await {
            Ok(refused) => {
                for Refused { index, reason } in refused {
                    tracing::error!(id = %part[index].id, %reason, "an entry cannot be indexed");
                }
            }
            Err(Error::Rejected { .. }) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(reason @ Error::Rejected { .. }) => {
                tracing::error!(id = %part[0].id, %reason, "an entry cannot be indexed");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes the entries of the class in the range that have been deleted from the store, after the
/// entries in the range have been added. Entries that are deleted from now on are in the new index,
/// from which they are deleted too.
///
/// All deleted entries are removed, not only those that have just been read: an attempt that was
/// interrupted may have added an entry that the store does not return any more.
async fn remove_deleted(
    store: &dyn Store,
    mut target: impl Target,
    class: &Class,
    mut range: IdRange,
) -> Result<()> {
    loop {
        let deleted = store.deleted(class, range, MAX_PAGE_ENTRIES).await?;
        let Some(last) = deleted.last() else { return Ok(()) };
        target.delete(class, &deleted).await?;
        range = range.after(*last);
    }
}

fn log_retry(error: &Error) {
    tracing::warn!(%error, "the rebuild of the index was interrupted; retrying");
}
