//! The list of the files of a backup.

use std::path::{Component, Path};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::digest::sha256;
use super::fingerprint::Fingerprint;
use crate::log_entry::Timestamp;
use crate::queue::sqlite::MIGRATIONS as QUEUE_MIGRATIONS;
use crate::sqlite::snapshot::newest;
use crate::store::sqlite::TABLES as STORE_MIGRATIONS;

/// The version of the format of backups.
const VERSION: u32 = 1;

/// The content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// When the backup began: it has every entry that was acknowledged before.
    pub(super) began: Timestamp,
    /// When the data directory was created, which distinguishes it from others.
    pub(super) data_created: String,
    /// The last migration of the queue.
    pub(super) queue_version: i64,
    /// The last migration of the store.
    pub(super) store_version: i64,
    pub(super) files: Vec<SavedFile>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedFile {
    /// The path of the original in the data directory.
    pub(super) path: String,
    /// The name of the copy.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// Identifies the state of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) original: Option<Fingerprint>,
}

/// What `manifest.json` has around the content. Later versions keep `version`.
#[derive(Deserialize)]
struct Envelope<'a> {
    version: u32,
    sha256: String,
    #[serde(borrow)]
    backup: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Manifest {
    /// Returns the text of `manifest.json`.
    pub(super) fn encode(&self) -> serde_json::Result<String> {
        let backup = serde_json::to_string_pretty(self)?;
        let sha256 = sha256(&backup);
        Ok(format!("{{\"version\": {VERSION}, \"sha256\": \"{sha256}\", \"backup\": {backup}}}\n"))
    }

    /// Parses the text of `manifest.json`.
    pub(super) fn decode(text: &str) -> anyhow::Result<Self> {
        let version = serde_json::from_str::<Version>(text).context("the manifest is damaged")?;
        ensure!(
            version.version <= VERSION,
            "the backup was written by a newer version of LogPulse; upgrade LogPulse"
        );
        let envelope: Envelope = serde_json::from_str(text).context("the manifest is damaged")?;
        let Envelope { version, sha256: expected, backup } = envelope;
        ensure!(
            version == VERSION && sha256(backup.get()) == expected,
            "the manifest is damaged: its checksum differs"
        );
        let manifest: Self =
            serde_json::from_str(backup.get()).context("the manifest is damaged")?;
        for file in &manifest.files {
            file.check_names()?;
        }
        Ok(manifest)
    }

    /// Checks that this release can read the data.
    pub(super) fn check_data_version(&self) -> anyhow::Result<()> {
        if self.queue_version > newest(&QUEUE_MIGRATIONS)
            || self.store_version > newest(&STORE_MIGRATIONS)
        {
            bail!("the data was written by a newer version of LogPulse; upgrade LogPulse");
        }
        Ok(())
    }

    /// The copy of the file with this path.
    pub(super) fn file(&self, path: &str) -> Option<&SavedFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl SavedFile {
    /// Checks that the names stay within their directories.
    fn check_names(&self) -> anyhow::Result<()> {
        let is_plain = |path: &str| {
            Path::new(path).components().all(|one| matches!(one, Component::Normal(_)))
        };
        let is_name = !self.name.contains('/') && is_plain(&self.name);
        ensure!(
            is_name && is_plain(&self.path),
            "the manifest is damaged: it has the path {:?}",
            self.path
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str) -> Manifest {
        let file = SavedFile {
            path: path.to_owned(),
            name: "queue.0123.db".to_owned(),
            bytes: 12,
            sha256: sha256("content"),
            original: None,
        };
        Manifest {
            began: Timestamp::default(),
            data_created: "2026-11-27 10:00:00".to_owned(),
            queue_version: 1,
            store_version: 1,
            files: vec![file],
        }
    }

    fn error(text: &str) -> String {
        format!("{:#}", Manifest::decode(text).unwrap_err())
    }

    #[test]
    fn a_manifest_is_decoded_as_it_was_encoded() {
        let manifest = manifest("queue.db");
        assert_eq!(Manifest::decode(&manifest.encode().unwrap()).unwrap(), manifest);
    }

    #[test]
    fn a_manifest_with_any_changed_byte_is_rejected() {
        let text = manifest("store/2026-11-27.db").encode().unwrap();
        for index in 0..text.trim_end().len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(Manifest::decode(&changed).is_err(), "{changed}");
            assert!(Manifest::decode(&text[..index]).is_err(), "{}", &text[..index]);
        }
    }

    #[test]
    fn a_manifest_of_a_newer_version_is_rejected() {
        let newer = error(r#"{"version": 2, "anything": []}"#);
        assert!(newer.contains("newer version of LogPulse"), "{newer}");
        let mut manifest = manifest("queue.db");
        manifest.check_data_version().unwrap();
        manifest.store_version = 1000;
        let newer = manifest.check_data_version().unwrap_err().to_string();
        assert!(newer.contains("newer version of LogPulse"), "{newer}");
    }

    #[test]
    fn a_path_outside_the_data_directory_is_rejected() {
        for path in ["/etc/passwd", "../queue.db", "store/../../queue.db"] {
            let error = error(&manifest(path).encode().unwrap());
            assert!(error.contains(path), "{error}");
        }
    }
}
