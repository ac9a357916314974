//! Serves the `bulk` function as a separate process.

use std::process::ExitCode;

use shared::{intake, process};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = intake::program(
        "bulk",
        "LogPulse bulk: accepts log entries from clients of Elasticsearch and OpenSearch",
    );
    process::serve(&program, |shutdown| intake::serve(bulk::function, shutdown))
}
