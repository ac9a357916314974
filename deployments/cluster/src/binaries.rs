//! The functions' binaries.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;

const FUNCTIONS: [&str; 5] = ["ingest", "get", "search", "docs", "consumer"];

/// Where cargo put this program's profile: `target/debug` or `target/release`.
pub(crate) fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.parent().and_then(|deps| deps.parent()).unwrap().to_owned()
}

/// The binary of a function. The first call builds them all.
pub(crate) fn path(function: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    BUILT.call_once(build);
    folder().join(function)
}

fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    if folder().ends_with("release") {
        cargo.args(["build", "--quiet", "--release"]);
        cargo.args(FUNCTIONS.iter().flat_map(|function| ["-p", function]));
    } else {
        // With the tests that come with them, and what they need: that is built already.
        cargo.args(["test", "--quiet", "--workspace", "--no-run"]);
    }
    assert!(cargo.status().unwrap().success(), "the functions do not build");
}
