//! Serves the `export` function as a separate process.

use std::process::ExitCode;

use shared::config::{IndexConfig, RateLimitConfig, check, help, load};
use shared::http::{self, RateLimit};
use shared::index;
use shared::process::{self, Program};
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "export",
    about: "LogPulse export: streams all log entries that match a query",
    settings: &[
        help::INDEX_URL,
        help::CORS_ALLOWED_ORIGINS,
        help::RATE_LIMIT_ENABLED,
        help::LIMITER_URL,
    ],
    config: &[check::<IndexConfig>, check::<RateLimitConfig>],
};

fn main() -> ExitCode {
    process::serve(&PROGRAM, serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let index = index::open(load::<IndexConfig>()?.url().expose()).await?;
    let rate_limit = RateLimit::open(&load()?).await?;
    http::serve(vec![export::function(index)], &load()?, rate_limit, shutdown).await
}
