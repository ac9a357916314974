//! The function `ingest` as a process of its own.

use std::process::ExitCode;

use ingest::Limits;
use shared::config::{LimitsConfig, QueueConfig, load};
use shared::http::{self, RateLimit};
use shared::{process, queue};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    process::run(serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let queue = queue::open(load::<QueueConfig>()?.queue_url.expose()).await?;
    let limits = Limits::from(load::<LimitsConfig>()?);
    let function = ingest::function(queue.producer, limits);
    let rate_limit = RateLimit::open(&load()?).await?;
    http::serve(vec![function], &load()?, rate_limit, shutdown).await
}
