//! The files in the embedded index's directory:
//!
//! ```text
//! format_version   the version of this layout
//! 1/, 2/, ...      the generations: each a tantivy index, and its state
//! reindex          present while a rebuild is requested
//! ```
//!
//! Version 1 had a single index, directly in the directory.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::ensure;
use tokio::task::spawn_blocking;

use super::state::State;
use crate::durable;

/// Releases that know only version 1 also read this file, and reject other versions.
const VERSION_FILE: &str = "format_version";

/// The version of the layout. Each generation has a format version of its own.
const VERSION: u32 = 2;

const REQUEST_FILE: &str = "reindex";

/// The directory of the embedded index.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Opens or creates the directory. Its content is unchanged until [`Layout::adopt`]. Like all
    /// methods here, it blocks.
    ///
    /// # Errors
    /// When a newer version of LogPulse wrote the directory.
    pub(super) fn open(root: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&root)?;
        durable::sync_parent(&root)?;
        let layout = Self { root };
        ensure!(
            layout.version()?.is_none_or(|version| version <= VERSION),
            "{} was written by a newer version of LogPulse; \
             upgrade LogPulse or use another DATA_DIR",
            layout.root.display()
        );
        Ok(layout)
    }

    /// Runs a blocking method on the blocking thread pool.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        method: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let layout = self.clone();
        spawn_blocking(move || method(&layout)).await?
    }

    /// Whether the directory contains an index of version 1.
    pub(super) fn has_version_1_index(&self) -> io::Result<bool> {
        Ok(!self.version_1_files()?.is_empty())
    }

    /// Migrates the directory to this version of the layout: removes an index of version 1, and the
    /// remains of generations whose creation or removal was interrupted.
    pub(super) fn adopt(&self) -> io::Result<()> {
        if self.version()? != Some(VERSION) {
            let version = format!("{VERSION}\n");
            durable::write(&self.root.join(VERSION_FILE), version.as_bytes())?;
        }
        for file in self.version_1_files()? {
            fs::remove_file(file)?;
        }
        for number in self.directories()? {
            let directory = self.generation(number);
            if !State::exists(&directory) {
                fs::remove_dir_all(directory)?;
            }
        }
        Ok(())
    }

    /// The directory of a generation.
    pub(super) fn generation(&self, number: u32) -> PathBuf {
        self.root.join(number.to_string())
    }

    /// The numbers of the generations, in the order of creation.
    pub(super) fn generations(&self) -> io::Result<Vec<u32>> {
        let mut numbers = self.directories()?;
        numbers.retain(|number| State::exists(&self.generation(*number)));
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The number of a new generation.
    pub(super) fn next_generation(&self) -> io::Result<u32> {
        Ok(self.directories()?.into_iter().max().unwrap_or(0) + 1)
    }

    /// Removes a generation. If this is interrupted, the next start completes the removal.
    pub(super) fn remove(&self, number: u32) -> io::Result<()> {
        let directory = self.generation(number);
        State::remove(&directory)?;
        fs::remove_dir_all(directory)
    }

    pub(super) fn is_rebuild_requested(&self) -> bool {
        is_rebuild_requested(&self.root)
    }

    /// Records that the requested rebuild has begun.
    pub(super) fn remove_request(&self) -> io::Result<()> {
        durable::remove(&self.root.join(REQUEST_FILE))
    }

    /// The version of the layout; `None` in a new directory. A damaged version file counts as
    /// version 1.
    fn version(&self) -> io::Result<Option<u32>> {
        match fs::read_to_string(self.root.join(VERSION_FILE)) {
            Ok(text) => Ok(Some(text.trim().parse().unwrap_or(1))),
            Err(error) if error.kind() == ErrorKind::InvalidData => Ok(Some(1)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The files of an index of version 1.
    fn version_1_files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for item in fs::read_dir(&self.root)? {
            let item = item?;
            if item.file_type()?.is_file() && item.file_name().to_str().is_some_and(is_tantivy_file)
            {
                files.push(item.path());
            }
        }
        Ok(files)
    }

    fn directories(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for item in fs::read_dir(&self.root)? {
            numbers.extend(item?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        Ok(numbers)
    }
}

/// Requests a rebuild of the index in this directory.
pub(super) fn request_rebuild(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    durable::write(&root.join(REQUEST_FILE), b"")
}

/// Whether a rebuild of the index in this directory was requested but has not begun.
pub(super) fn is_rebuild_requested(root: &Path) -> bool {
    root.join(REQUEST_FILE).exists()
}

/// Whether this is the name of a tantivy file: a list, a lock or a part of a segment.
fn is_tantivy_file(name: &str) -> bool {
    let is_segment = |name: &str| name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit());
    matches!(name, "meta.json" | ".managed.json")
        || name.starts_with(".tantivy-")
        || name.split('.').next().is_some_and(is_segment)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let items = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn an_index_of_version_1_is_removed_and_other_files_are_kept() {
        let segment = "0123456789abcdef0123456789abcdef";
        for version in [Some("1\n"), Some("one"), Some("\u{0}"), None] {
            let directory = TempDir::new().unwrap();
            let (terms, deleted) = (format!("{segment}.term"), format!("{segment}.12.del"));
            for name in ["meta.json", ".managed.json", ".tantivy-writer.lock", &terms, &deleted] {
                fs::write(directory.path().join(name), "").unwrap();
            }
            fs::write(directory.path().join("notes.txt"), "").unwrap();
            if let Some(version) = version {
                fs::write(directory.path().join(VERSION_FILE), version).unwrap();
            }
            let layout = Layout::open(directory.path().to_owned()).unwrap();
            assert!(layout.has_version_1_index().unwrap());
            layout.adopt().unwrap();
            assert!(!layout.has_version_1_index().unwrap());
            assert_eq!(names(directory.path()), [VERSION_FILE, "notes.txt"]);
            assert_eq!(fs::read_to_string(directory.path().join(VERSION_FILE)).unwrap(), "2\n");
        }
    }

    #[test]
    fn a_newer_layout_is_rejected_and_kept() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join(VERSION_FILE), "3\n").unwrap();
        fs::write(directory.path().join("meta.json"), "{}").unwrap();
        let error = Layout::open(directory.path().to_owned()).unwrap_err().to_string();
        let expected = format!("{} was written by a newer", directory.path().display());
        assert!(error.starts_with(&expected), "{error}");
        assert_eq!(names(directory.path()), [VERSION_FILE, "meta.json"]);
    }

    #[test]
    fn unfinished_generations_are_removed() {
        let directory = TempDir::new().unwrap();
        for number in [10, 9, 11] {
            fs::create_dir(directory.path().join(number.to_string())).unwrap();
        }
        for number in [9, 11] {
            let state = State::initial(None);
            state.write(&directory.path().join(number.to_string())).unwrap();
        }
        let layout = Layout::open(directory.path().to_owned()).unwrap();
        assert_eq!(layout.generations().unwrap(), [9, 11]);
        layout.adopt().unwrap();
        layout.remove(9).unwrap();
        assert_eq!(layout.next_generation().unwrap(), 12);
        assert_eq!(names(directory.path()), ["11", VERSION_FILE]);
    }

    #[test]
    fn a_rebuild_is_requested_until_it_begins() {
        let directory = TempDir::new().unwrap();
        let root = directory.path().join("index");
        request_rebuild(&root).unwrap();
        let layout = Layout::open(root).unwrap();
        assert!(layout.is_rebuild_requested());
        layout.remove_request().unwrap();
        assert!(!layout.is_rebuild_requested());
    }
}
