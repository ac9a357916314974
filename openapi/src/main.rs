//! Writes the OpenAPI document to the given file, or to standard output.
//! `make openapi` runs it to write `openapi/openapi.json`.

use std::io::Write;

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let text = openapi::text()?;
    match std::env::args_os().nth(1) {
        Some(path) => {
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
        }
        None => Ok(std::io::stdout().write_all(text.as_bytes())?),
    }
}
