//! The function `search` as a process of its own.

use std::process::ExitCode;

use shared::config::{IndexConfig, load};
use shared::http::{self, RateLimit};
use shared::{index, process};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    process::run(serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let index = index::open(load::<IndexConfig>()?.index_url.expose()).await?;
    let rate_limit = RateLimit::open(&load()?).await?;
    http::serve(vec![search::function(index)], &load()?, rate_limit, shutdown).await
}
