//! Serves the `export` function as a separate process.

use std::process::ExitCode;

use shared::{index_reader, process};

fn main() -> ExitCode {
    let program = index_reader::program(
        "export",
        "LogPulse export: streams all log entries that match a query",
    );
    process::serve(&program, |shutdown| index_reader::serve(export::function, shutdown))
}
