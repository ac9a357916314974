//! Measures the disk space that entries take after all of them have been indexed.

use std::path::Path;

use crate::results::{disk_space, settled};

/// The parts of the data directory, by the beginning of their names.
const PARTS: [&str; 3] = ["queue", "store", "index"];

/// Prints the size of each part, once it is stable, and saves the same to `target/bench/disk.json`.
pub(crate) async fn report(data_dir: &Path, entries: usize, sent_bytes: usize) {
    settled_size(data_dir).await;
    let mut parts = PARTS.map(|part| (part, size_of_part(data_dir, part))).to_vec();
    parts.push(("total", parts.iter().map(|(_, bytes)| bytes).sum()));
    disk_space("disk.json", entries, sent_bytes, &parts);
}

/// The size of the files in a directory, once it is stable.
pub(crate) async fn settled_size(directory: &Path) -> u64 {
    settled(async || size_of_files(directory)).await
}

fn size_of_part(data_dir: &Path, part: &str) -> u64 {
    let files = data_dir.read_dir().expect("failed to list the data directory").flatten();
    let files = files.filter(|file| file.file_name().to_string_lossy().starts_with(part));
    files.map(|file| size_of_files(&file.path())).sum()
}

fn size_of_files(path: &Path) -> u64 {
    let Ok(files) = path.read_dir() else {
        return path.metadata().map_or(0, |metadata| metadata.len());
    };
    files.flatten().map(|file| size_of_files(&file.path())).sum()
}
