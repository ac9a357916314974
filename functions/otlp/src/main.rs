//! Serves the `otlp` function as a separate process.

use std::process::ExitCode;

use shared::{intake, process};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = intake::program(
        "otlp",
        "LogPulse otlp: accepts OpenTelemetry logs and publishes them to the queue",
    );
    process::serve(&program, |shutdown| intake::serve(otlp::function, shutdown))
}
