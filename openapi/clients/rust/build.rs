//! Copies the OpenAPI document to `OUT_DIR`. Set `OPENAPI` to use another document.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=OPENAPI");
    let document = env::var("OPENAPI").unwrap_or_else(|_| "../../openapi.json".into());
    println!("cargo::rerun-if-changed={document}");
    let copy = PathBuf::from(env::var("OUT_DIR").unwrap()).join("openapi.json");
    fs::copy(&document, copy).unwrap_or_else(|error| panic!("{document}: {error}"));
}
