//! The functions' binaries, built as their containers have them: on the services of a cluster only.

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
    cargo.args(["build", "--quiet", "--manifest-path"]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"));
    cargo.args(FUNCTIONS.iter().flat_map(|function| ["-p", function]));
    if folder().ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "the functions do not build");
}
