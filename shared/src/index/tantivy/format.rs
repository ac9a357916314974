//! The format version of an index directory, kept in a file next to tantivy's own.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, ensure};

const FILE: &str = "format_version";

/// Increase it with every change that an older binary cannot read: to the schema or, when tantivy
/// is upgraded, to the index format.
const VERSION: u32 = 1;

/// Checks that this binary can read the directory. Records the version in a directory that has
/// none: it is either empty, or was written in version 1, before the file was introduced.
///
/// # Errors
/// When a newer version of LogPulse wrote the directory.
pub(super) fn check(directory: &Path) -> anyhow::Result<()> {
    let path = directory.join(FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return write(&path).with_context(|| format!("writing {}", path.display()));
        }
        read => read.with_context(|| format!("reading {}", path.display()))?,
    };
    let version = text.trim().parse::<u32>();
    let version = version.with_context(|| format!("reading the number in {}", path.display()))?;
    ensure!(
        version <= VERSION,
        "{} was written by a newer version of LogPulse; \
         upgrade LogPulse or use another DATA_DIR",
        directory.display()
    );
    Ok(())
}

/// Writes the file so that it is complete or absent after a crash.
fn write(path: &Path) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    writeln!(file, "{VERSION}")?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_directory_without_a_version_gets_the_current_one() {
        let directory = TempDir::new().unwrap();
        for _ in 0..2 {
            check(directory.path()).unwrap();
            assert_eq!(fs::read_to_string(directory.path().join(FILE)).unwrap(), "1\n");
        }
    }

    #[test]
    fn a_damaged_version_is_an_error_that_names_the_file() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join(FILE), "one").unwrap();
        let error = format!("{:#}", check(directory.path()).unwrap_err());
        assert!(error.contains(FILE), "{error}");
    }
}
