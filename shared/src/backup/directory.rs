//! The directory of a backup.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::digest::FileDigest;
use super::fingerprint::Fingerprint;
use super::manifest::{Manifest, SavedFile};
use crate::durable;

const MANIFEST: &str = "manifest.json";
const LOCK: &str = "backup.lock";
const FILES: &str = "files";

/// The file that is being copied, in [`FILES`].
const TEMPORARY: &str = "copying.tmp";

/// A directory that exists before anything is in it: the root of a file system has it.
const LOST_AND_FOUND: &str = "lost+found";

/// The directory of a backup. No other process changes it until this is dropped.
pub(super) struct BackupDirectory {
    path: PathBuf,
    _lock: Option<File>,
}

impl BackupDirectory {
    /// Opens the directory to write a backup. Creates it if it does not exist.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let creating = || format!("creating {}", path.display());
        fs::create_dir_all(path.join("")).with_context(creating)?;
        ensure!(
            path.join(LOCK).exists() || path.join(MANIFEST).exists() || is_empty(path)?,
            "{} has other files; choose an empty directory or that of an earlier backup",
            path.display()
        );
        let lock = File::create(path.join(LOCK)).with_context(creating)?;
        lock.try_lock().map_err(|error| in_use(path, error))?;
        fs::create_dir_all(path.join(FILES)).with_context(creating)?;
        Ok(Self { path: path.to_owned(), _lock: Some(lock) })
    }

    /// Opens the directory to read the backup.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let lock = match File::open(path.join(LOCK)) {
            // A copy of the directory may lack the lock.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            opened => Some(opened.with_context(|| format!("opening {}", path.display()))?),
        };
        if let Some(lock) = &lock {
            lock.try_lock_shared().map_err(|error| in_use(path, error))?;
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Reads the manifest; `None` if there is none, because no backup has been completed.
    pub(super) fn manifest(&self) -> anyhow::Result<Option<Manifest>> {
        let path = self.path.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("reading {}", path.display()))?,
        };
        Manifest::decode(&text).map(Some).with_context(|| format!("reading {}", path.display()))
    }

    /// Replaces the manifest, and removes the files that it does not list. All that it lists are on
    /// disk. Returns the number of removed files.
    pub(super) fn complete(&self, manifest: &Manifest) -> anyhow::Result<usize> {
        let path = self.path.join(MANIFEST);
        let replace = || {
            File::open(self.path.join(FILES))?.sync_all()?;
            durable::sync_parent(&self.path)?;
            durable::write(&path, manifest.encode()?.as_bytes())
        };
        replace().with_context(|| format!("writing {}", path.display()))?;
        self.remove_unlisted(Some(manifest))
    }

    /// Removes the files that the manifest does not list.
    pub(super) fn remove_unlisted(&self, manifest: Option<&Manifest>) -> anyhow::Result<usize> {
        let files = manifest.map(|manifest| &manifest.files[..]).unwrap_or_default();
        let listed: HashSet<&str> = files.iter().map(|file| &*file.name).collect();
        let directory = self.path.join(FILES);
        let remove = || -> io::Result<usize> {
            let mut removed = 0;
            for file in fs::read_dir(&directory)? {
                let file = file?;
                if !file.file_name().to_str().is_some_and(|name| listed.contains(name)) {
                    fs::remove_file(file.path())?;
                    removed += 1;
                }
            }
            Ok(removed)
        };
        remove().with_context(|| format!("removing old files in {}", directory.display()))
    }

    /// The path for the next copy, at which there is no file.
    pub(super) fn temporary(&self) -> anyhow::Result<PathBuf> {
        let path = self.path.join(FILES).join(TEMPORARY);
        durable::remove(&path).with_context(|| format!("removing {}", path.display()))?;
        Ok(path)
    }

    /// Adds the copy at the temporary path, and syncs it. Its name has its checksum, so that it
    /// replaces no other file. `path` is that of the original in the data directory.
    pub(super) fn add(
        &self,
        path: &str,
        original: Option<Fingerprint>,
    ) -> anyhow::Result<SavedFile> {
        let temporary = self.path.join(FILES).join(TEMPORARY);
        let add = || {
            let FileDigest { bytes, sha256 } = FileDigest::of(&temporary)?;
            File::open(&temporary)?.sync_all()?;
            let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{stem}.{}.db", &sha256[..16]);
            fs::rename(&temporary, self.path.join(FILES).join(&name))?;
            Ok(SavedFile { path: path.to_owned(), name, bytes, sha256, original })
        };
        let added: io::Result<SavedFile> = add();
        added.with_context(|| format!("writing the copy of {path} to {}", self.path.display()))
    }

    /// The path of the copy.
    pub(super) fn file(&self, file: &SavedFile) -> PathBuf {
        self.path.join(FILES).join(&file.name)
    }

    /// Whether the copy exists in its full size.
    pub(super) fn has(&self, file: &SavedFile) -> bool {
        fs::metadata(self.file(file)).is_ok_and(|metadata| metadata.len() == file.bytes)
    }
}

/// Whether the directory exists and has no files besides `ignored`.
pub(super) fn is_empty_except(path: &Path, ignored: &[&str]) -> anyhow::Result<bool> {
    let reading = || format!("reading {}", path.display());
    for file in fs::read_dir(path).with_context(reading)? {
        let name = file.with_context(reading)?.file_name();
        if name != LOST_AND_FOUND && !ignored.iter().any(|ignored| name == *ignored) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_empty(path: &Path) -> anyhow::Result<bool> {
    is_empty_except(path, &[])
}

fn in_use(path: &Path, error: TryLockError) -> anyhow::Error {
    match error {
        TryLockError::WouldBlock => anyhow::anyhow!(
            "another process uses the backup in {}; wait until it ends",
            path.display()
        ),
        TryLockError::Error(error) => {
            anyhow::Error::new(error).context(format!("locking {}", path.display()))
        }
    }
}

/// Checks that neither directory contains the other.
pub(super) fn require_separate(backup: &Path, data_dir: &Path) -> anyhow::Result<()> {
    let existing = |path: &Path| path.ancestors().find_map(|path| path.canonicalize().ok());
    let absolute = std::path::absolute(backup).context("resolving the directory of the backup")?;
    let (Some(backup), Some(data_dir)) = (existing(&absolute), existing(data_dir)) else {
        return Ok(());
    };
    if backup.starts_with(&data_dir) {
        bail!("{} is in DATA_DIR; choose a directory outside of it", backup.display());
    }
    Ok(())
}
