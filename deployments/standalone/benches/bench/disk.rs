//! Measures the disk space that entries take after all of them have been indexed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// The parts of the data directory, by the beginning of their names.
const PARTS: [&str; 3] = ["queue", "store", "index"];

/// Prints the size of each part, once it is stable, and the ratio to the size of the entries as they
/// were sent. Writes the same to `target/bench/disk.json`.
pub(crate) async fn report(data_dir: &Path, entries: usize, sent_bytes: usize) {
    settled_size(data_dir).await;
    let mut parts = Map::new();
    let mut total = 0;
    for part in PARTS {
        let bytes = size_of_part(data_dir, part);
        total += bytes;
        parts.insert(part.to_owned(), ratio(part, bytes, sent_bytes));
    }
    parts.insert("total".to_owned(), ratio("total", total, sent_bytes));
    let result = json!({"entries": entries, "sent_bytes": sent_bytes, "parts": parts});
    let path = result_file();
    let directory = path.parent().expect("the file has a directory");
    fs::create_dir_all(directory).expect("failed to create the directory of the result");
    fs::write(&path, format!("{result:#}\n")).expect("failed to write the result");
    println!("written to {}", path.display());
}

fn ratio(part: &str, bytes: u64, sent_bytes: usize) -> Value {
    let ratio = bytes as f64 / sent_bytes as f64;
    println!(
        "disk, {part}: {:.1} MB, {ratio:.3} bytes per byte of the entries sent",
        bytes as f64 / 1e6
    );
    json!({"bytes": bytes, "bytes_per_sent_byte": (ratio * 1000.0).round() / 1000.0})
}

/// `disk.json` in the folder `bench` of the target directory, which contains this program.
fn result_file() -> PathBuf {
    let exe = std::env::current_exe().expect("failed to get the path of the current executable");
    let target = exe.ancestors().nth(3).expect("the program is not in a target directory");
    target.join("bench/disk.json")
}

/// The size of the files in a directory, once it has been stable for ten seconds.
pub(crate) async fn settled_size(directory: &Path) -> u64 {
    let mut size = 0;
    loop {
        let previous = std::mem::replace(&mut size, size_of_files(directory));
        if size == previous {
            return size;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
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
