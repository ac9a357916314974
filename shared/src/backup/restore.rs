//! Restores a backup.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context, ensure};

use super::Tally;
use super::digest::FileDigest;
use super::directory::{BackupDirectory, is_empty_except};
use super::manifest::{Manifest, SavedFile};
use crate::config::STORE_FILE;
use crate::durable;
use crate::log_entry::Timestamp;
use crate::store::sqlite::directory_of;

/// The file that a data directory has until a restore is complete.
const INCOMPLETE: &str = "restore.incomplete";

/// The file that a server locks.
const LOCK: &str = "lock";

/// A backup whose files have been verified.
pub struct Restore {
    backup: BackupDirectory,
    manifest: Manifest,
}

impl Restore {
    /// Opens the backup in `directory`, and verifies all files.
    ///
    /// # Errors
    /// When there is no backup, it is damaged, or a newer version of LogPulse wrote it.
    pub fn open(directory: &Path) -> anyhow::Result<Self> {
        let backup = BackupDirectory::open(directory)?;
        let manifest = backup.manifest()?;
        let manifest =
            manifest.with_context(|| format!("{} has no complete backup", directory.display()))?;
        manifest.check_data_version()?;
        for file in &manifest.files {
            verify(file, &backup.file(file), &mut io::sink())?;
        }
        Ok(Self { backup, manifest })
    }

    /// When the backup began: it has every entry that was acknowledged before.
    #[must_use]
    pub fn began(&self) -> Timestamp {
        self.manifest.began
    }

    /// Restores the backup in `data_dir`, which must be empty, and must not be used until this
    /// returns. After an error, it can be repeated.
    ///
    /// # Errors
    /// When the directory is not empty or cannot be written, or the backup changes.
    pub fn run(&self, data_dir: &Path) -> anyhow::Result<Tally> {
        require_empty(data_dir)?;
        let writing = || format!("writing {}", data_dir.display());
        begin(data_dir).with_context(writing)?;
        let mut restored = Tally::default();
        for file in &self.manifest.files {
            let path = data_dir.join(&file.path);
            let mut target = create(&path).with_context(writing)?;
            verify(file, &self.backup.file(file), &mut target).with_context(writing)?;
            target.sync_all().and_then(|()| durable::sync_parent(&path)).with_context(writing)?;
            restored.add(file.bytes);
        }
        durable::remove(&data_dir.join(INCOMPLETE)).with_context(writing)?;
        Ok(restored)
    }
}

/// Checks that a backup can be restored in the directory: it does not exist, it is empty, or an
/// earlier restore was interrupted.
///
/// # Errors
/// When it has other files, or it cannot be read.
pub fn require_empty(data_dir: &Path) -> anyhow::Result<()> {
    let is_free = !data_dir.exists()
        || data_dir.join(INCOMPLETE).exists()
        || is_empty_except(data_dir, &[LOCK])?;
    ensure!(
        is_free,
        "{} (DATA_DIR) is not empty; set DATA_DIR to an empty directory, or one that does not exist",
        data_dir.display()
    );
    Ok(())
}

/// Checks that no restore in the directory was interrupted.
///
/// # Errors
/// When one was.
pub fn require_complete(data_dir: &Path) -> anyhow::Result<()> {
    ensure!(
        !data_dir.join(INCOMPLETE).exists(),
        "{} (DATA_DIR) is incomplete, because a restore was interrupted; run `logpulse restore` again",
        data_dir.display()
    );
    Ok(())
}

/// Marks the directory as incomplete, and removes what an interrupted restore has left.
fn begin(data_dir: &Path) -> io::Result<()> {
    let marker = std::path::absolute(data_dir)?.join(INCOMPLETE);
    fs::create_dir_all(data_dir)?;
    File::create(&marker)?.sync_all()?;
    durable::sync_parent(&marker)?;
    let days = directory_of(&data_dir.join(STORE_FILE));
    match fs::remove_dir_all(&days) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir(&days)?;
    durable::sync_parent(&days)
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create(path)
}

/// Copies the file of a backup to `target`, and checks that it is as the manifest describes it.
fn verify(file: &SavedFile, path: &Path, target: &mut impl io::Write) -> anyhow::Result<()> {
    let digest = FileDigest::of_copy(path, target);
    let digest = digest.with_context(|| format!("reading {}", path.display()))?;
    ensure!(
        digest == FileDigest { bytes: file.bytes, sha256: file.sha256.clone() },
        "{} is damaged: its size or checksum differs from the manifest; use another backup",
        path.display()
    );
    Ok(())
}
