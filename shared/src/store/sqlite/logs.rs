//! Empties the write-ahead logs of files that are no longer written.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::SqliteStore;
use super::entry_file::{EntryFile, classify};
use crate::error::Result;
use crate::sqlite::space::{self, Shrunk};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a file is unchanged before its log is emptied.
const IDLE_TIME: Duration = Duration::from_secs(2);

/// When a file was last changed, unless its log has been emptied since.
pub(super) struct LastChange(Mutex<Option<Instant>>);

impl LastChange {
    pub(super) fn now() -> Self {
        Self(Mutex::new(Some(Instant::now())))
    }

    /// Takes note of a transaction.
    pub(super) fn note(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// Forgets a change that is older than [`IDLE_TIME`]. Returns whether there was one.
    fn take(&self) -> bool {
        self.lock().take_if(|time| time.elapsed() >= IDLE_TIME).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Empties the logs until the store is dropped.
pub(super) async fn run(store: Weak<SqliteStore>) {
    loop {
        sleep(INTERVAL).await;
        let Some(store) = store.upgrade() else { return };
        for file in store.files.all_open() {
            if file.last_change().take()
                && let Err(error) = file.empty_log().await
            {
                tracing::debug!(%error, "emptying a write-ahead log of the store failed");
            }
        }
    }
}

impl EntryFile {
    /// Empties the write-ahead log, or does so later if a read uses it.
    async fn empty_log(&self) -> Result<()> {
        let mut writer = self.writer().await;
        let mut connection = writer.take().await.map_err(classify)?;
        let emptied = space::truncate_log(&mut connection).await.map_err(classify)?;
        writer.put_back(connection);
        if emptied == Shrunk::Blocked {
            self.last_change().note();
        }
        Ok(())
    }
}
