//! Serves the `any` function as a separate process.

use std::process::ExitCode;

use shared::{intake, process};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let program = intake::program(
        "any",
        "LogPulse any: accepts records of any shape and publishes them to the queue",
    );
    process::serve(&program, |shutdown| intake::serve(any::function, shutdown))
}
