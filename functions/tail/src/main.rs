//! Serves the `tail` function as a separate process.

use std::process::ExitCode;

use shared::config::{QueueConfig, RateLimitConfig, check, help, load};
use shared::http::{self, RateLimit};
use shared::process::{self, Program};
use shared::queue;
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "tail",
    about: "LogPulse tail: streams log entries as they arrive",
    settings: &[
        help::QUEUE_URL,
        help::CORS_ALLOWED_ORIGINS,
        help::RATE_LIMIT_ENABLED,
        help::LIMITER_URL,
    ],
    config: &[check::<QueueConfig>, check::<RateLimitConfig>],
};

fn main() -> ExitCode {
    process::serve(&PROGRAM, serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let queue = queue::open(load::<QueueConfig>()?.queue_url.expose()).await?;
    let rate_limit = RateLimit::open(&load()?).await?;
    let function = tail::function(queue.follower, shutdown.clone());
    http::serve(vec![function], &load()?, rate_limit, shutdown).await
}
