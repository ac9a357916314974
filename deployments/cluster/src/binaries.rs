//! The functions and their binaries.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;

use crate::services::ROOT;

/// The names of all functions: the subdirectories of `functions/`.
#[must_use]
pub fn functions() -> Vec<String> {
    let folders = std::fs::read_dir(format!("{ROOT}/functions")).unwrap();
    let mut functions: Vec<String> =
        folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    functions.sort();
    functions
}

/// The output directory of the current cargo profile: `target/debug` or `target/release`.
pub(crate) fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.parent().and_then(|deps| deps.parent()).unwrap().to_owned()
}

/// The binary of a function: in the folder `BINARIES`, if it is set. Otherwise the first call builds
/// all of them.
pub(crate) fn path(function: &str) -> PathBuf {
    static BUILD: Once = Once::new();
    if let Some(folder) = std::env::var_os("BINARIES") {
        return PathBuf::from(folder).join(function);
    }
    BUILD.call_once(build);
    folder().join(function)
}

fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(ROOT);
    if folder().ends_with("release") {
        cargo.args(["build", "--quiet", "--release"]);
        cargo.args(functions().iter().flat_map(|function| ["-p", function]));
    } else {
        // `make test` uses the same features, so the functions are usually up to date.
        cargo.args(["test", "--quiet", "--workspace", "--no-run"]);
    }
    assert!(cargo.status().unwrap().success(), "failed to build the functions");
}
