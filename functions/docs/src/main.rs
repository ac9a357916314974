//! The process of the `docs` function.
//! Settings, function, serve.

use std::process::ExitCode;

use shared::{
    config,
    http::{self, RateLimit},
    process,
};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    process::run(serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let rate_limit = RateLimit::open(&config::load()?).await?;
    http::serve(vec![docs::function()], &config::load()?, rate_limit, shutdown).await
}
