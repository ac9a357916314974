//! The entries to load: those in the files of a folder, or generated ones.

use std::fs;
use std::path::{Path, PathBuf};

use crate::entries::{BATCH_ENTRIES, Rng, entry};

/// The folder `BENCH_ENTRIES`, if it is set.
pub(crate) fn given() -> Option<PathBuf> {
    std::env::var_os("BENCH_ENTRIES").map(PathBuf::from)
}

/// Batches of the entries in the given folder, or of this number of generated entries.
pub(crate) fn batches(generated: usize) -> Vec<Vec<String>> {
    if let Some(folder) = given() {
        return read(&folder);
    }
    let mut rng = Rng::new(7);
    let batches = 0..generated / BATCH_ENTRIES;
    batches.map(|_| (0..BATCH_ENTRIES).map(|_| entry(&mut rng)).collect()).collect()
}

/// The number of entries in the batches, and their size as they are sent.
pub(crate) fn size(batches: &[Vec<String>]) -> (usize, usize) {
    let lines = batches.iter().flatten();
    (lines.clone().count(), lines.map(|line| line.len() + 1).sum())
}

/// Reads the lines of the `.ndjson` files in a folder, ordered by file name, and divides them into
/// batches.
pub(crate) fn read(folder: &Path) -> Vec<Vec<String>> {
    let files = fs::read_dir(folder).expect("failed to list the folder");
    let mut paths: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ndjson"));
    paths.sort();
    let texts: Vec<String> =
        paths.iter().map(|path| fs::read_to_string(path).expect("failed to read a file")).collect();
    let lines: Vec<String> =
        texts.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
    lines.chunks(BATCH_ENTRIES).map(<[String]>::to_vec).collect()
}
