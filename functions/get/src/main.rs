//! Serves the `get` function as a separate process.

use std::process::ExitCode;

use shared::config::{CacheConfig, RateLimitConfig, StoreConfig, check, help, load};
use shared::http::{self, RateLimit};
use shared::process::{self, Program};
use shared::{cache, store};
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "get",
    about: "LogPulse get: returns log entries by id",
    settings: &[
        help::STORE_URL,
        help::CACHE_URL,
        help::CORS_ALLOWED_ORIGINS,
        help::RATE_LIMIT_ENABLED,
    ],
    config: &[check::<CacheConfig>, check::<StoreConfig>, check::<RateLimitConfig>],
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    process::serve(&PROGRAM, serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let cache = load::<CacheConfig>()?;
    let cache = cache::open(cache.cache_url.expose(), cache.ttl).await?;
    let store = store::open(load::<StoreConfig>()?.store_url.expose()).await?;
    let rate_limit = RateLimit::open(&load()?).await?;
    http::serve(vec![get::function(cache, store)], &load()?, rate_limit, shutdown).await
}
