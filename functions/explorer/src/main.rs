//! Serves the `explorer` function as a separate process.

use std::process::ExitCode;

use shared::config::{help, load};
use shared::http;
use shared::process::{self, Program};
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "explorer",
    about: "LogPulse explorer: serves the web page for exploring logs",
    settings: &[help::CORS_ALLOWED_ORIGINS],
    config: &[],
};

fn main() -> ExitCode {
    process::serve(&PROGRAM, serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    http::serve(vec![explorer::function()], &load()?, None, shutdown).await
}
