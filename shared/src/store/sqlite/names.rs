//! The names of the files of parts.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::catalogue::Classes;
use crate::durable;
use crate::retention::Part;

/// What SQLite appends to the name of a file for its write-ahead log and its shared memory.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// The name of the part's file.
pub(super) fn file_name(part: &Part) -> String {
    match part.class.storage_name() {
        name if name.is_empty() => format!("{}.db", part.day),
        name => format!("{}.{name}.db", part.day),
    }
}

/// The part whose file has this name.
fn parse_name(name: &str, classes: &Classes) -> Option<Part> {
    let name = name.strip_suffix(".db")?;
    let (day, class) = name.split_once('.').unwrap_or((name, ""));
    let class = classes.keys().find(|known| known.storage_name() == class)?.clone();
    Some(Part { day: day.parse().ok()?, class })
}

/// What is in the directory.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) parts: Vec<Part>,
    /// Files that are not those of parts of the classes.
    pub(super) unknown: Vec<PathBuf>,
}

pub(super) fn list(directory: &Path, classes: &Classes) -> io::Result<Listed> {
    let mut listed = Listed::default();
    let files = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(listed),
        files => files?,
    };
    for file in files {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match parse_name(&name, classes) {
            Some(part) => listed.parts.push(part),
            None if COMPANIONS.iter().any(|suffix| name.ends_with(suffix)) => {}
            None => listed.unknown.push(path),
        }
    }
    Ok(listed)
}

/// The files in the directory that have a write-ahead log.
pub(super) fn with_logs(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let files = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        files => files?,
    };
    let mut found = Vec::new();
    for file in files {
        let path = file?.path();
        if let Some(file) = path.to_string_lossy().strip_suffix("-wal") {
            found.push(file.into());
        }
    }
    Ok(found)
}

/// The directory has the catalogue's name without its extension.
pub(crate) fn directory_of(catalogue: &Path) -> PathBuf {
    if catalogue.extension().is_some() {
        return catalogue.with_extension("");
    }
    let mut directory = catalogue.as_os_str().to_owned();
    directory.push(".days");
    directory.into()
}

pub(super) fn create_directory(directory: &Path) -> io::Result<()> {
    if !directory.exists() {
        fs::create_dir_all(directory)?;
        durable::sync_parent(directory)?;
    }
    Ok(())
}

/// The file and what SQLite keeps next to it.
fn with_companions(path: &Path) -> Vec<PathBuf> {
    let companion = |suffix| {
        let mut path = path.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    };
    COMPANIONS.map(companion).into_iter().chain([path.to_owned()]).collect()
}

/// Removes a file, after its write-ahead log, which must not be left alone.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    with_companions(path).iter().try_for_each(|path| durable::remove(path))
}

pub(super) fn bytes(path: &Path) -> u64 {
    let sizes = with_companions(path).into_iter().map(fs::metadata);
    sizes.map(|metadata| metadata.map_or(0, |metadata| metadata.len())).sum()
}
