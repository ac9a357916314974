//! The progress of building a generation, kept in a file in its directory.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable;
use crate::log_entry::EntryId;
use crate::retention::Class;

/// The name of the file. A directory without it is not a generation: its creation or removal was
/// interrupted.
const FILE: &str = "state";

/// Whether a generation contains every entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Complete,
    Building(Progress),
}

/// The part of the store's entries that a generation still lacks. Entries that arrive after the
/// rebuild began are added as they arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The class whose entries are being added. Those of smaller classes have been.
    #[serde(default, skip_serializing_if = "Class::is_default")]
    pub class: Class,
    /// The last of the class's entries that was added, in id order.
    pub after: Option<EntryId>,
    /// The last entry in the store when the rebuild began.
    pub until: EntryId,
}

impl State {
    /// The initial state of a generation without the stored entries up to `until`.
    pub(super) fn initial(until: Option<EntryId>) -> Self {
        until.map_or(Self::Complete, |until| {
            Self::Building(Progress { class: Class::DEFAULT, after: None, until })
        })
    }

    pub(super) fn exists(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    /// Reads the state. A damaged file is an [`io::ErrorKind::InvalidData`] error.
    pub(super) fn read(directory: &Path) -> io::Result<Self> {
        let content = std::fs::read(directory.join(FILE))?;
        serde_json::from_slice(&content)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        durable::write(&directory.join(FILE), &serde_json::to_vec(self)?)
    }

    /// Removes the file, after which the directory is no longer a generation.
    pub(super) fn remove(directory: &Path) -> io::Result<()> {
        durable::remove(&directory.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_file_is_stable() {
        let until = "0190163d-8694-7000-8000-000000000001".parse().unwrap();
        let directory = tempfile::tempdir().unwrap();
        for (state, text) in [
            (State::initial(None), r#""complete""#),
            (
                State::initial(Some(until)),
                r#"{"building":{"after":null,"until":"0190163d-8694-7000-8000-000000000001"}}"#,
            ),
        ] {
            assert!(!State::exists(directory.path()));
            state.write(directory.path()).unwrap();
            assert_eq!(std::fs::read_to_string(directory.path().join(FILE)).unwrap(), text);
            assert_eq!(State::read(directory.path()).unwrap(), state);
            State::remove(directory.path()).unwrap();
        }
    }
}
