//! The functions that only read the index: their program and server setup.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::{IndexConfig, RateLimitConfig, check, help, load};
use crate::http::{self, Function, RateLimit};
use crate::index::{self, Index};
use crate::process::Program;

/// The program of a function that reads the index.
#[must_use]
pub const fn program(name: &'static str, about: &'static str) -> Program {
    Program {
        name,
        about,
        settings: &[
            help::INDEX_URL,
            help::CORS_ALLOWED_ORIGINS,
            help::RATE_LIMIT_ENABLED,
            help::LIMITER_URL,
        ],
        config: &[check::<IndexConfig>, check::<RateLimitConfig>],
    }
}

/// Serves a function that reads the index, with the settings from the environment.
///
/// # Errors
/// When a setting is invalid, the index cannot be opened, or the address is not available.
pub async fn serve(
    function: fn(Arc<dyn Index>) -> Function,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let index = index::open(load::<IndexConfig>()?.url().expose()).await?;
    let rate_limit = RateLimit::open(&load()?).await?;
    http::serve(vec![function(index)], &load()?, rate_limit, shutdown).await
}
