//! Reads entries from files.

use std::fs;
use std::path::Path;

use crate::entries::BATCH_ENTRIES;

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
