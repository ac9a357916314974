//! Drops what is no longer kept, as a separate process.

use std::process::ExitCode;

use anyhow::Context;
use retention::{INTERVAL, Keeper};
use shared::config::{
    HttpConfig, IndexConfig, RetentionConfig, ServiceUrl, StoreConfig, check, help, load,
};
use shared::log_entry::Day;
use shared::process::{self, Program};
use shared::{http, index, store};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "retention",
    about: "LogPulse retention: drops log entries that are no longer kept",
    settings: &[help::STORE_URL, help::INDEX_URL, help::RETENTION],
    config: &[check::<StoreConfig>, check::<IndexConfig>, check::<RetentionConfig>],
};

fn main() -> ExitCode {
    process::serve(&PROGRAM, serve)
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let url = load::<StoreConfig>()?.store_url;
    let store = store::open(url.expose()).await?;
    let index = index::open(load::<IndexConfig>()?.url().expose()).await?;
    let keeper = Keeper::new(store, index, load::<RetentionConfig>()?.retention);
    let function = keeper.function();
    let stop = shutdown.clone();
    let keeping = tokio::spawn(async move { keep(&keeper, &url, &stop).await });
    let config = load::<HttpConfig>()?;
    http::serve(vec![function], &config, None, shutdown).await?;
    // A day that is being dropped may take longer; the next run completes it.
    let finished = timeout(config.shutdown_timeout / 2, keeping).await;
    finished.context("finishing the last drop")?.context("dropping days")
}

/// Runs the keeper while this process holds the lock: one replica works, and another one takes over
/// when it ends.
async fn keep(keeper: &Keeper, url: &ServiceUrl, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() {
        match store::lock(url.expose(), "retention").await {
            Ok(Some(lock)) => {
                tracing::info!("this replica drops the days that are no longer kept");
                tokio::select! {
                    () = keeper.run(Day::today, shutdown) => {}
                    () = lock.lost() => tracing::info!("another replica has taken over"),
                }
            }
            Ok(None) => tracing::debug!("another replica drops days"),
            Err(error) => {
                tracing::warn!(%error, "failed to acquire the lock; retrying in a minute");
            }
        }
        tokio::select! {
            () = sleep(INTERVAL) => {}
            () = shutdown.cancelled() => {}
        }
    }
}
