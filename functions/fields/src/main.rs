//! Serves the `fields` function as a separate process.

use std::process::ExitCode;

use shared::{index_reader, process};

fn main() -> ExitCode {
    let program = index_reader::program(
        "fields",
        "LogPulse fields: lists the fields of log entries and their values",
    );
    process::serve(&program, |shutdown| index_reader::serve(fields::function, shutdown))
}
