//! Serves the `ingest` function as a separate process.

use std::process::ExitCode;

use shared::{intake, process};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = intake::program(
        "ingest",
        "LogPulse ingest: accepts log entries and publishes them to the queue",
    );
    process::serve(&program, |shutdown| intake::serve(ingest::function, shutdown))
}
