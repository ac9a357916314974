//! `logpulse backup` and `logpulse restore`: copy the data of the queue and the store.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use shared::backup::{self, BackedUp, Restore, Tally};
use shared::config::StandaloneConfig;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::lock;

/// Backs up `DATA_DIR` to `directory`, also while a server uses it, and writes to `out` what has
/// been copied. Stops when `shutdown` is cancelled; then the previous backup remains.
///
/// # Errors
/// When the queue or the store is not in `DATA_DIR`, or one of the directories cannot be used.
pub async fn back_up(
    config: &StandaloneConfig,
    directory: PathBuf,
    shutdown: &CancellationToken,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    config.require_embedded()?;
    config.require_queue()?;
    let start = Instant::now();
    let data_dir = config.data_dir.clone();
    let target = directory.clone();
    let work = move || Handle::current().block_on(backup::back_up(&data_dir, &target));
    let done = unless_stopped(work, shutdown).await.context("backing up DATA_DIR")?;
    let BackedUp { copied, unchanged, removed } = done;
    writeln!(
        out,
        "backed up {} to {} in {:.1} s\n\
         files: {} copied ({}), {} unchanged ({}), {removed} removed",
        shown(&config.data_dir),
        shown(&directory),
        start.elapsed().as_secs_f64(),
        copied.files,
        megabytes(copied),
        unchanged.files,
        megabytes(unchanged),
    )?;
    Ok(())
}

/// Restores the backup in `directory` to `DATA_DIR`, and writes to `out` what follows.
///
/// # Errors
/// When the queue or the store is not in `DATA_DIR`, it is not empty, or the backup is damaged.
pub async fn restore(
    config: &StandaloneConfig,
    directory: PathBuf,
    shutdown: &CancellationToken,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    config.require_embedded()?;
    let start = Instant::now();
    let owned = config.clone();
    let work = move || {
        backup::require_empty(&owned.data_dir)?;
        let restore = Restore::open(&directory)?;
        let _lock = lock(&owned)?;
        Ok((restore.run(&owned.data_dir)?, restore.began()))
    };
    let (restored, began) = unless_stopped(work, shutdown).await.context("restoring DATA_DIR")?;
    writeln!(
        out,
        "restored the backup of {began} to {} in {:.1} s: {} files ({})\n\
         run `logpulse` with this DATA_DIR; it rebuilds the index from the store",
        shown(&config.data_dir),
        start.elapsed().as_secs_f64(),
        restored.files,
        megabytes(restored),
    )?;
    Ok(())
}

/// Runs work that blocks, unless `shutdown` is cancelled before it ends.
async fn unless_stopped<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    shutdown: &CancellationToken,
) -> anyhow::Result<T> {
    tokio::select! {
        done = spawn_blocking(work) => done?,
        () = shutdown.cancelled() => bail!("stopped before it was complete; run it again"),
    }
}

/// The absolute path, if there is one.
fn shown(path: &Path) -> String {
    std::path::absolute(path).as_deref().unwrap_or(path).display().to_string()
}

#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn megabytes(tally: Tally) -> String {
    format!("{:.1} MB", tally.bytes as f64 / 1e6)
}
