//! Serves the `search` function as a separate process.

use std::process::ExitCode;

use shared::{index_reader, process};

fn main() -> ExitCode {
    let program = index_reader::program(
        "search",
        "LogPulse search: finds log entries by words, service, level and time",
    );
    process::serve(&program, |shutdown| index_reader::serve(search::function, shutdown))
}
