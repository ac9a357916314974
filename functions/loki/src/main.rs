//! Serves the `loki` function as a separate process.

use std::process::ExitCode;

use loki::Limits;
use shared::config::{LimitsConfig, QueueConfig, RateLimitConfig, check, help, load};
use shared::http::{self, RateLimit};
use shared::process::{self, Program};
use shared::queue;
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "loki",
    about: "LogPulse loki: accepts log entries from Loki clients and publishes them to the queue",
    settings: &[
        help::QUEUE_URL,
        help::CORS_ALLOWED_ORIGINS,
        help::RATE_LIMIT_ENABLED,
        help::LIMITER_URL,
    ],
    config: &[check::<QueueConfig>, check::<LimitsConfig>, check::<RateLimitConfig>],
};

fn main() -> ExitCode {
    process::serve(&PROGRAM, serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let queue = queue::open(load::<QueueConfig>()?.queue_url.expose()).await?;
    let limits = Limits::from(load::<LimitsConfig>()?);
    let function = loki::function(queue.producer, limits);
    let rate_limit = RateLimit::open(&load()?).await?;
    http::serve(vec![function], &load()?, rate_limit, shutdown).await
}
