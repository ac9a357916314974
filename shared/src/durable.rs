//! Writes small files durably: after a crash, a file has either its old or its new content.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Replaces the content of the file. On return, the new content is on disk.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write;

    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    sync_parent(path)
}

/// Removes the file if it exists. On return, the removal is on disk.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        // An earlier attempt may have removed it without syncing.
        _ => sync_parent(path),
    }
}

/// Syncs the directory entry of the path.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        None => Ok(()),
        // The path has only a name.
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_of_a_relative_path_is_synced() {
        for path in ["name", "./name", "src/lib.rs"] {
            sync_parent(Path::new(path)).unwrap();
        }
    }

    #[test]
    fn a_file_is_replaced_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        for content in ["one", "two"] {
            write(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        for _ in 0..2 {
            remove(&path).unwrap();
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }
}
