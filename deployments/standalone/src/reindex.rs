//! `logpulse reindex`: requests a rebuild of the index from the store.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::time::Duration;

use anyhow::{Context, ensure};
use shared::config::{ConfigError, ServiceUrl, StandaloneConfig};
use shared::index::embedded;
use tokio::time::{Instant, sleep};

use crate::LOCK;

/// How long to wait for a running server to begin the rebuild.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause between checks whether it has begun.
const BEGIN_INTERVAL: Duration = Duration::from_millis(100);

/// Requests a rebuild of the index, and writes to `out` when it will happen.
///
/// # Errors
/// When `DATA_DIR` contains no data, the index is not the embedded one, or its directory cannot be
/// written.
pub async fn request_rebuild(
    config: &StandaloneConfig,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    config.require_queue()?;
    let url = config.index_url()?;
    ensure!(
        embedded::is_embedded(url.expose()),
        ConfigError::new(
            "INDEX_URL",
            "must be empty or tantivy://...: this command only rebuilds the embedded index"
        )
    );
    embedded::request_rebuild(url.expose()).context("requesting the rebuild")?;
    let message = if !is_running(config)? {
        "the index will be rebuilt when LogPulse starts"
    } else if begins(&url).await? {
        "the running server is rebuilding the index; searches use the current one until it finishes"
    } else {
        "the running server will rebuild the index once the current work has finished"
    };
    writeln!(out, "{message}")?;
    Ok(())
}

/// Whether a running server uses `DATA_DIR`.
fn is_running(config: &StandaloneConfig) -> anyhow::Result<bool> {
    let lock = match File::open(config.data_dir.join(LOCK)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened.context("opening the lock in DATA_DIR")?,
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).context("checking the lock in DATA_DIR"),
    }
}

/// Waits for the running server to begin, and returns whether it does so in time.
async fn begins(url: &ServiceUrl) -> anyhow::Result<bool> {
    let deadline = Instant::now() + BEGIN_TIMEOUT;
    while embedded::is_rebuild_requested(url.expose())? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(BEGIN_INTERVAL).await;
    }
    Ok(true)
}
