//! Which files of days belong to a copy of the catalogue.

use std::path::{Path, PathBuf};

use sqlx::Connection;

use super::catalogue::read_classes;
use super::names::{directory_of, file_name, list};
use crate::sqlite::snapshot;

/// The files of the days that the copy of a catalogue has. The original catalogue may have changed
/// since: a file whose class has been added is not listed, and one that is listed may have been
/// removed.
///
/// The catalogue must be copied before its files. A day of an earlier release is moved to its file
/// before the catalogue loses it, so that the copies have it in at least one place. If both have
/// it, the store reads the catalogue until it has moved the day again.
pub(crate) async fn day_files(copy: &Path, original: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut connection = snapshot::connect(copy).await?;
    let tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'retention_classes'";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await?;
    if tables == 0 {
        // An earlier release has no files of days.
        return Ok(Vec::new());
    }
    let classes = read_classes(&mut connection).await?;
    connection.close().await?;
    let directory = directory_of(original);
    let mut files = Vec::new();
    for part in list(&directory, &classes)?.parts {
        let first = classes.get(&part.class).copied().flatten();
        if first.is_none_or(|first| first <= part.day) {
            files.push(directory.join(file_name(&part)));
        }
    }
    files.sort_unstable();
    Ok(files)
}
