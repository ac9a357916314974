//! Serves the `context` function as a separate process.

use std::process::ExitCode;

use shared::{index_reader, process};

fn main() -> ExitCode {
    let program = index_reader::program(
        "context",
        "LogPulse context: returns the log entries around an entry",
    );
    process::serve(&program, |shutdown| index_reader::serve(context::function, shutdown))
}
