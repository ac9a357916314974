//! Tells whether an SQLite file has changed, without reading it.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A file system records when a file was modified in steps that are shorter than this.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// The sizes of a file and of its write-ahead log, and when they were modified. Every transaction
/// changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    file: State,
    /// `None` if there is no write-ahead log, or if it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    bytes: u64,
    modified_nanos: u64,
}

impl Fingerprint {
    /// The fingerprint of the file. `None` if the file was modified so recently that another
    /// transaction might not change it.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        let now = nanos(SystemTime::now())?;
        let file = State::of(&fs::metadata(path)?)?;
        let log = match fs::metadata(log_of(path)) {
            Ok(metadata) if metadata.len() > 0 => Some(State::of(&metadata)?),
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let modified = file.modified_nanos.max(log.map_or(0, |log| log.modified_nanos));
        let is_settled = modified + nanos(SystemTime::UNIX_EPOCH + CLOCK_STEP)? <= now;
        Ok(is_settled.then_some(Self { file, log }))
    }
}

impl State {
    fn of(metadata: &Metadata) -> io::Result<Self> {
        Ok(Self { bytes: metadata.len(), modified_nanos: nanos(metadata.modified()?)? })
    }
}

fn nanos(time: SystemTime) -> io::Result<u64> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    u64::try_from(since_epoch.as_nanos()).map_err(io::Error::other)
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn write(path: &Path, content: &str, age: Duration) {
        fs::write(path, content).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn a_change_of_the_file_or_its_log_changes_the_fingerprint() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let log = directory.path().join("a.db-wal");
        let of = || Fingerprint::of(&path).unwrap().unwrap();
        write(&path, "one", Duration::from_secs(100));
        let first = of();
        write(&log, "", Duration::from_secs(80));
        assert_eq!(of(), first, "an empty log has no transaction");
        write(&log, "log", Duration::from_secs(70));
        let with_log = of();
        write(&log, "log", Duration::from_mins(1));
        let with_later_log = of();
        fs::remove_file(&log).unwrap();
        write(&path, "two", Duration::from_secs(50));
        let fingerprints = [first, with_log, with_later_log, of()];
        for (index, one) in fingerprints.iter().enumerate() {
            assert!(fingerprints[..index].iter().all(|other| one != other), "{fingerprints:?}");
        }
    }

    #[test]
    fn a_file_that_has_just_been_modified_has_no_fingerprint() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        fs::write(&path, "one").unwrap();
        assert_eq!(Fingerprint::of(&path).unwrap(), None);
    }
}
