//! `consumer reindex`: rebuilds the daily indexes from the store while consumers run.

use std::time::Duration;

use anyhow::{Context, bail};
use shared::config::{IndexConfig, StoreConfig, load};
use shared::index::opensearch::OpenSearchIndex;
use shared::process::DayRange;
use shared::reindex::rebuild_days;
use shared::store;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long the deletion of an incomplete index may take at shutdown.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Builds the indexes of the days again, until `shutdown`.
///
/// # Errors
/// When another process does so, the rebuild fails, or it is not complete at shutdown.
pub(crate) async fn run(days: DayRange, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let store_url = load::<StoreConfig>()?.store_url;
    let index = OpenSearchIndex::open(load::<IndexConfig>()?.url().expose())?;
    let store = store::open(store_url.expose()).await?;
    let lock = store::lock_for_rebuild(store_url.expose()).await.context("locking the store")?;
    let Some(lock) = lock else { bail!("another process builds the index; wait until it ends") };
    tokio::select! {
        completed = rebuild_days(&*store, &index, days.ids()) => {
            completed.context("building the index")
        }
        () = lock.lost() => bail!("another process has begun to build the index"),
        () = shutdown.cancelled() => {
            // Otherwise, the next run deletes the new index.
            let _ = timeout(CLEANUP_TIMEOUT, index.interrupted_rebuilds()).await;
            bail!("the index is not complete; run the command again from the day that was reported last")
        }
    }
}
