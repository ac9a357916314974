//! Serves the `loki` function as a separate process.

use std::process::ExitCode;

use shared::{intake, process};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = intake::program(
        "loki",
        "LogPulse loki: accepts log entries from Loki clients and publishes them to the queue",
    );
    process::serve(&program, |shutdown| intake::serve(loki::function, shutdown))
}
