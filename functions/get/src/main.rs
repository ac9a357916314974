//! The function `get` as a process of its own.

use std::process::ExitCode;

use shared::config::{CacheConfig, StoreConfig, load};
use shared::http::{self, RateLimit};
use shared::{cache, process, store};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    process::run(serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let cache = load::<CacheConfig>()?;
    let cache = cache::open(cache.cache_url.expose(), cache.ttl).await?;
    let store = store::open(load::<StoreConfig>()?.store_url.expose()).await?;
    let rate_limit = RateLimit::open(&load()?).await?;
    http::serve(vec![get::function(cache, store)], &load()?, rate_limit, shutdown).await
}
