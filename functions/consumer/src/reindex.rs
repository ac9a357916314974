//! `consumer reindex`: rebuilds the daily indexes from the store while consumers run.

use std::time::Duration;

use anyhow::{Context, bail};
use shared::config::{IndexConfig, StoreConfig, load};
use shared::index::opensearch::OpenSearchIndex;
use shared::process::DayRange;
use shared::reindex::rebuild_days;
use shared::store::{self, Store};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long the deletion of an incomplete new index may take at shutdown.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Rebuilds the indexes of the days. Stops at `shutdown`.
///
/// # Errors
/// When another process is rebuilding indexes, the rebuild fails, or shutdown interrupts it.
pub(crate) async fn run(days: DayRange, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let store_url = load::<StoreConfig>()?.store_url;
    let index = OpenSearchIndex::open(load::<IndexConfig>()?.url().expose())?;
    let store = store::open(store_url.expose()).await?;
    let lock = store::lock(store_url.expose(), "reindex").await.context("locking the store")?;
    let Some(lock) = lock else {
        bail!("another process is rebuilding the index; wait until it has finished")
    };
    tokio::select! {
        completed = rebuild_days(&*store, &index, days.ids()) => {
            completed.context("rebuilding the index")
        }
        () = lock.lost() => bail!("another process has started to rebuild the index"),
        () = shutdown.cancelled() => {
            // If this fails, the next run deletes the new index.
            let _ = timeout(CLEANUP_TIMEOUT, clean_up(&*store, &index)).await;
            bail!(
                "the index is not complete; rerun the command with --from set to the day that was \
                 logged last"
            )
        }
    }
}

/// Deletes the new index of the interrupted rebuild.
async fn clean_up(store: &dyn Store, index: &OpenSearchIndex) -> shared::error::Result<()> {
    let classes = store.classes().await?;
    index.interrupted_rebuilds(&classes).await.map(drop)
}
