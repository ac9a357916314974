//! Serves the `delete` function as a separate process, and runs its jobs. Only the process that holds
//! a lock in the store runs jobs.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use delete::{Ports, Worker};
use shared::config::{
    CacheConfig, DeleteConfig, HttpConfig, IndexConfig, RateLimitConfig, ServiceUrl, StoreConfig,
    check, help, load,
};
use shared::http::{self, RateLimit};
use shared::process::{self, Program};
use shared::{cache, index, store};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "delete",
    about: "LogPulse delete: deletes log entries by id or by query",
    settings: &[
        help::STORE_URL,
        help::INDEX_URL,
        help::CACHE_URL,
        help::DELETE_ENABLED,
        help::CORS_ALLOWED_ORIGINS,
        help::RATE_LIMIT_ENABLED,
    ],
    config: &[
        check::<CacheConfig>,
        check::<StoreConfig>,
        check::<IndexConfig>,
        check::<DeleteConfig>,
        check::<RateLimitConfig>,
    ],
};

/// The name of the lock.
const LOCK: &str = "delete";

/// The pause between attempts to acquire the lock.
const LOCK_PAUSE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    process::serve(&PROGRAM, serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let store_url = load::<StoreConfig>()?.store_url;
    let cache = load::<CacheConfig>()?;
    let ports = Ports {
        store: store::open(store_url.expose()).await?,
        index: index::open(load::<IndexConfig>()?.url().expose()).await?,
        cache: cache::open(cache.cache_url.expose(), cache.ttl).await?,
        jobs: store::open_delete_jobs(store_url.expose()).await?,
    };
    let delete_config = load::<DeleteConfig>()?;
    let is_enabled = delete_config.enabled;
    let rate_limit = RateLimit::open(&load()?).await?;
    let config = load::<HttpConfig>()?;
    let functions = vec![delete::function(ports.clone(), delete_config)];
    let stop = shutdown.clone();
    let working = tokio::spawn(async move {
        if is_enabled {
            work(&store_url, &ports, &stop).await;
        }
    });
    http::serve(functions, &config, rate_limit, shutdown).await?;
    let finished = timeout(config.shutdown_timeout / 2, working).await;
    finished.context("finishing the last step")?.context("running the jobs")
}

/// Runs the jobs whenever this process holds the lock.
async fn work(store_url: &ServiceUrl, ports: &Ports, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() {
        match store::lock(store_url.expose(), LOCK).await {
            Ok(Some(lock)) => {
                let stop = shutdown.child_token();
                let worker = Worker::new(ports.clone());
                let stop_when_lost = async {
                    lock.lost().await;
                    stop.cancel();
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    () = worker.run(&stop) => {}
                    () = stop_when_lost => {}
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "failed to acquire the lock of deletions; retrying");
            }
        }
        shutdown.run_until_cancelled(sleep(LOCK_PAUSE)).await;
    }
}
