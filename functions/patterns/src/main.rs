//! Serves the `patterns` function as a separate process.

use std::process::ExitCode;

use shared::{index_reader, process};

fn main() -> ExitCode {
    let program = index_reader::program(
        "patterns",
        "LogPulse patterns: groups log entries by the pattern of their messages",
    );
    process::serve(&program, |shutdown| index_reader::serve(patterns::function, shutdown))
}
