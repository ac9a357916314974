//! Serves the `stats` function as a separate process.

use std::process::ExitCode;

use shared::{index_reader, process};

fn main() -> ExitCode {
    let program =
        index_reader::program("stats", "LogPulse stats: counts and measures log entries over time");
    process::serve(&program, |shutdown| index_reader::serve(stats::function, shutdown))
}
