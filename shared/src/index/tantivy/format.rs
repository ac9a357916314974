//! The format version of an index directory, kept in a file next to tantivy's own.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::durable;

const FILE: &str = "format_version";

/// Increase this with every change that makes the index unreadable to older binaries: to the
/// schema, to the text rules or, in a tantivy upgrade, to the index format.
const VERSION: u32 = 5;

/// The oldest version that this binary can read. Version 4 differs in the compression of entries,
/// which tantivy records in the directory, and stays as it is until it is rebuilt.
const OLDEST_VERSION: u32 = 4;

/// The version of directories without the file.
const FIRST_VERSION: u32 = 1;

/// tantivy's list of segments, which every index has.
pub(super) const SEGMENTS_FILE: &str = "meta.json";

/// The index must be rebuilt.
#[derive(Debug, thiserror::Error)]
#[error(
    "an older version of LogPulse wrote it in format {version}, but this version needs {OLDEST_VERSION}"
)]
pub(super) struct OlderFormat {
    version: u32,
}

/// Checks that this binary can read the directory. Records the version in an empty directory.
///
/// # Errors
/// When another version of LogPulse wrote the directory in another format.
pub(super) fn check(directory: &Path) -> anyhow::Result<()> {
    let Some(version) = read(directory)? else {
        let path = directory.join(FILE);
        let content = format!("{VERSION}\n");
        return durable::write(&path, content.as_bytes())
            .with_context(|| format!("writing {}", path.display()));
    };
    ensure!(
        version <= VERSION,
        "{} was written by a newer version of LogPulse; \
         upgrade LogPulse or use another DATA_DIR",
        directory.display()
    );
    if version < OLDEST_VERSION {
        return Err(OlderFormat { version }.into());
    }
    Ok(())
}

/// The version of the index in the directory; `None` if there is no index.
fn read(directory: &Path) -> anyhow::Result<Option<u32>> {
    let path = directory.join(FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let has_index = directory.join(SEGMENTS_FILE).exists();
            return Ok(has_index.then_some(FIRST_VERSION));
        }
        read => read.with_context(|| format!("reading {}", path.display()))?,
    };
    let version = text.trim().parse::<u32>();
    let version = version.with_context(|| format!("parsing the version in {}", path.display()))?;
    Ok(Some(version))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn an_empty_directory_gets_the_current_version() {
        let directory = TempDir::new().unwrap();
        for _ in 0..2 {
            check(directory.path()).unwrap();
            assert_eq!(fs::read_to_string(directory.path().join(FILE)).unwrap(), "5\n");
        }
    }

    #[test]
    fn older_and_newer_formats_are_rejected() {
        let directory = TempDir::new().unwrap();
        let error = || format!("{:#}", check(directory.path()).unwrap_err());
        fs::write(directory.path().join(SEGMENTS_FILE), "{}").unwrap();
        assert!(
            error().contains("an older version of LogPulse wrote it in format 1"),
            "{}",
            error()
        );
        fs::write(directory.path().join(FILE), "1\n").unwrap();
        assert!(
            error().contains("an older version of LogPulse wrote it in format 1"),
            "{}",
            error()
        );
        fs::write(directory.path().join(FILE), "6\n").unwrap();
        assert!(error().contains("was written by a newer version"), "{}", error());
    }

    #[test]
    fn an_older_format_that_can_be_read_is_accepted() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join(FILE), "4\n").unwrap();
        check(directory.path()).unwrap();
        assert_eq!(fs::read_to_string(directory.path().join(FILE)).unwrap(), "4\n");
    }

    #[test]
    fn the_error_for_an_invalid_version_names_the_file() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join(FILE), "one").unwrap();
        let error = format!("{:#}", check(directory.path()).unwrap_err());
        assert!(error.contains(FILE), "{error}");
    }
}
