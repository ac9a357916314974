//! Results that several benchmarks measure, print and save in the same form.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// The pause between two measurements of a size that must agree.
const SETTLING: Duration = Duration::from_secs(10);

/// Measures a size until it stays the same for ten seconds.
pub(crate) async fn settled(size: impl AsyncFn() -> u64) -> u64 {
    let mut last = size().await;
    loop {
        tokio::time::sleep(SETTLING).await;
        let before = std::mem::replace(&mut last, size().await);
        if last == before {
            return last;
        }
    }
}

/// Prints the size of each part in total and per byte of the entries as they were sent, and saves the
/// same to a file with this name.
pub(crate) fn disk_space(file: &str, entries: usize, sent_bytes: usize, parts: &[(&str, u64)]) {
    let mut saved = Map::new();
    for (part, bytes) in parts {
        let ratio = *bytes as f64 / sent_bytes as f64;
        let megabytes = *bytes as f64 / 1e6;
        println!("disk, {part}: {megabytes:.1} MB, {ratio:.3} bytes per byte of the entries sent");
        let ratio = (ratio * 1000.0).round() / 1000.0;
        saved.insert((*part).to_owned(), json!({"bytes": bytes, "bytes_per_sent_byte": ratio}));
    }
    save(file, &json!({"entries": entries, "sent_bytes": sent_bytes, "parts": saved}));
}

/// Saves a result to a file in the folder `bench` of the target directory, which contains this
/// program.
pub(crate) fn save(file: &str, result: &Value) {
    let program = std::env::current_exe().expect("failed to get the path of this program");
    let target = program.ancestors().nth(3).expect("the program is not in a target directory");
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).expect("failed to create the folder of the results");
    let path = folder.join(file);
    std::fs::write(&path, format!("{result:#}\n")).expect("failed to write the result");
    println!("written to {}", path.display());
}
