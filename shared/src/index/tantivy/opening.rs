//! Opens an index directory, and detects whether the index in it must be rebuilt.

use std::io::{self, ErrorKind};
use std::num::ParseIntError;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tantivy::TantivyError;
use tantivy::directory::error::OpenReadError;
use tantivy::index::SegmentComponent;
use tokio::task::spawn_blocking;

use super::format::{OlderFormat, SEGMENTS_FILE};
use super::word_list;
use super::{Inner, TantivyIndex};

/// An existing index: usable, or damaged or in an older format.
pub(in crate::index) enum Opened {
    Usable(TantivyIndex),
    Unusable(anyhow::Error),
}

impl TantivyIndex {
    /// Creates an index in a new directory.
    pub(in crate::index) async fn create(
        path: PathBuf,
        attributes_max: usize,
    ) -> anyhow::Result<Self> {
        let inner = spawn_blocking(move || {
            std::fs::create_dir(&path)?;
            open(&path, attributes_max)
        });
        Ok(Self::new(inner.await??))
    }

    /// Opens the index in an existing directory.
    ///
    /// # Errors
    /// When a newer version of LogPulse wrote it, or it is temporarily unreadable.
    pub(in crate::index) async fn open_existing(
        path: PathBuf,
        attributes_max: usize,
    ) -> anyhow::Result<Opened> {
        let inner = spawn_blocking(move || {
            // Otherwise, tantivy would create an empty index.
            ensure!(path.join(SEGMENTS_FILE).exists(), Damaged("its list of segments is missing"));
            let inner = open(&path, attributes_max)?;
            open_other_files(&inner)?;
            Ok(inner)
        });
        match inner.await {
            Ok(Ok(inner)) => Ok(Opened::Usable(Self::new(inner))),
            Ok(Err(error)) if is_unusable(&error) => Ok(Opened::Unusable(error)),
            Ok(Err(error)) => Err(error),
            Err(error) if error.is_panic() => {
                Ok(Opened::Unusable(Damaged("opening it panicked").into()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn open(path: &Path, attributes_max: usize) -> anyhow::Result<Inner> {
    Inner::open(path, attributes_max)
        .with_context(|| format!("opening the index {}", path.display()))
}

/// Opens the files of each segment that tantivy itself opens only when a search needs them.
fn open_other_files(inner: &Inner) -> tantivy::Result<()> {
    for segment in inner.reader.searcher().segment_readers() {
        segment.open_read(SegmentComponent::Positions)?;
        segment.open_read(word_list::component())?;
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Damaged(&'static str);

/// Whether the index itself is the cause of the error, so that it must be rebuilt.
fn is_unusable(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<OlderFormat>()
            || cause.is::<ParseIntError>()
            || cause.is::<Damaged>()
            || cause.downcast_ref().is_some_and(is_damage)
    })
}

fn is_damage(error: &TantivyError) -> bool {
    match error {
        TantivyError::DataCorruption(_)
        | TantivyError::SchemaError(_)
        | TantivyError::IncompatibleIndex(_)
        | TantivyError::DeserializeError(_)
        | TantivyError::OpenReadError(
            OpenReadError::FileDoesNotExist(_) | OpenReadError::IncompatibleIndex(_),
        ) => true,
        TantivyError::IoError(error)
        | TantivyError::OpenReadError(OpenReadError::IoError { io_error: error, .. }) => {
            is_invalid_data(error)
        }
        _ => false,
    }
}

/// Whether a file's content, rather than access to it, is the cause of the error.
fn is_invalid_data(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::InvalidInput
    )
}
