//! Writes a backup.

use std::path::Path;

use anyhow::{Context, ensure};

use super::Tally;
use super::directory::{BackupDirectory, require_separate};
use super::fingerprint::Fingerprint;
use super::manifest::{Manifest, SavedFile};
use super::restore::require_complete;
use crate::config::{QUEUE_FILE, STORE_FILE};
use crate::log_entry::Timestamp;
use crate::sqlite::snapshot;
use crate::store::sqlite::{day_files, directory_of};

/// What a backup did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// The files that were copied, because they are new or have changed.
    pub copied: Tally,
    /// The files that have not changed since the previous backup.
    pub unchanged: Tally,
    /// The number of files that were removed, because they have changed or their day was dropped.
    pub removed: usize,
}

/// A backup that is being written.
struct Writing<'a> {
    data_dir: &'a Path,
    target: &'a BackupDirectory,
    previous: Option<&'a Manifest>,
    files: Vec<SavedFile>,
    done: BackedUp,
}

/// Backs up the queue and the store in `data_dir` to `directory`, which is created if it does not
/// exist. The backup that it has is usable until the new one is complete.
///
/// # Errors
/// When either directory cannot be used, or the backup is of another data directory.
pub async fn back_up(data_dir: &Path, directory: &Path) -> anyhow::Result<BackedUp> {
    require_separate(directory, data_dir)?;
    require_complete(data_dir)?;
    let target = BackupDirectory::create(directory)?;
    let previous = target.manifest()?;
    let mut manifest = begin(data_dir).await?;
    manifest.check_data_version()?;
    ensure!(
        previous.as_ref().is_none_or(|previous| previous.data_created == manifest.data_created),
        "{} has the backup of another data directory; choose another directory",
        directory.display()
    );
    target.remove_unlisted(previous.as_ref())?;
    let mut writing = Writing {
        data_dir,
        target: &target,
        previous: previous.as_ref(),
        files: Vec::new(),
        done: BackedUp::default(),
    };
    // What the consumer commits from now on is still in this copy. What it has committed is in the
    // store, which is copied next.
    writing.save(QUEUE_FILE, None).await?;
    writing.save_store().await?;
    let Writing { files, mut done, .. } = writing;
    manifest.files = files;
    done.removed = target.complete(&manifest)?;
    Ok(done)
}

/// A manifest without files.
async fn begin(data_dir: &Path) -> anyhow::Result<Manifest> {
    let began = Timestamp::now();
    let migrated = async |name| {
        let path = data_dir.join(name);
        let migrated = snapshot::migrated(&path).await;
        migrated.with_context(|| format!("reading {}", path.display()))
    };
    let queue = migrated(QUEUE_FILE).await?;
    let store = migrated(STORE_FILE).await?;
    Ok(Manifest {
        began,
        data_created: queue.created,
        queue_version: queue.version,
        store_version: store.version,
        files: Vec::new(),
    })
}

impl Writing<'_> {
    /// Saves the catalogue, then the files of its days.
    async fn save_store(&mut self) -> anyhow::Result<()> {
        let catalogue = self.data_dir.join(STORE_FILE);
        let copy = self.save(STORE_FILE, fingerprint(&catalogue)?).await?;
        let directory = directory_of(&catalogue);
        let reading = || format!("listing {}", directory.display());
        for path in day_files(&self.target.file(&copy), &catalogue).await.with_context(reading)? {
            match self.save_day(&path).await {
                // The day was dropped in the meantime.
                Err(_) if !path.exists() => {}
                saved => saved?,
            }
        }
        Ok(())
    }

    async fn save_day(&mut self, path: &Path) -> anyhow::Result<()> {
        let original = fingerprint(path)?;
        let path = path.strip_prefix(self.data_dir).unwrap_or(path).to_string_lossy();
        self.save(&path, original).await?;
        Ok(())
    }

    /// Adds the file at `path` in the data directory. Copies it unless the previous backup has it
    /// in this state.
    async fn save(
        &mut self,
        path: &str,
        original: Option<Fingerprint>,
    ) -> anyhow::Result<SavedFile> {
        let saved = if let Some(unchanged) = self.unchanged(path, original) {
            self.done.unchanged.add(unchanged.bytes);
            unchanged
        } else {
            let source = self.data_dir.join(path);
            let copied = snapshot::copy(&source, &self.target.temporary()?).await;
            copied.with_context(|| format!("copying {}", source.display()))?;
            let copied = self.target.add(path, original)?;
            self.done.copied.add(copied.bytes);
            copied
        };
        self.files.push(saved.clone());
        Ok(saved)
    }

    fn unchanged(&self, path: &str, original: Option<Fingerprint>) -> Option<SavedFile> {
        let previous = self.previous?.file(path)?;
        let is_same = original.is_some() && previous.original == original;
        (is_same && self.target.has(previous)).then(|| previous.clone())
    }
}

/// The fingerprint of a file that is about to be copied: later transactions change it.
fn fingerprint(path: &Path) -> anyhow::Result<Option<Fingerprint>> {
    Fingerprint::of(path).with_context(|| format!("reading {}", path.display()))
}
