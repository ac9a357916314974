//! Serves the `docs` function as a separate process.

use std::process::ExitCode;

use shared::config::{RateLimitConfig, check, help, load};
use shared::http::{self, RateLimit};
use shared::process::{self, Program};
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "docs",
    about: "LogPulse docs: serves the OpenAPI document and Swagger UI",
    settings: &[help::CORS_ALLOWED_ORIGINS, help::RATE_LIMIT_ENABLED, help::LIMITER_URL],
    config: &[check::<RateLimitConfig>],
};

fn main() -> ExitCode {
    process::serve(&PROGRAM, serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let rate_limit = RateLimit::open(&load()?).await?;
    http::serve(vec![docs::function()], &load()?, rate_limit, shutdown).await
}
