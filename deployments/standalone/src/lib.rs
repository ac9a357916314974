//! Standalone LogPulse: all functions in one process, with embedded adapters.

mod backup;
mod disk;
mod reindex;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use consumer::Consumer;
use retention::Keeper;
use shared::backup::require_complete;
use shared::cache::{self, Cache};
use shared::config::{DeleteConfig, RateLimitConfig, RetentionConfig, StandaloneConfig, load};
use shared::http::{Function, RateLimit};
use shared::index::{self, Index, embedded};
use shared::intake::Limits;
use shared::log_entry::Day;
use shared::queue::{self, Queue};
use shared::reindex::DerivedIndex;
use shared::store::{self, DeleteJobs, Store};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::backup::{back_up, restore};
use self::disk::{Disk, GuardedProducer};
pub use self::reindex::request_rebuild;

/// The file in `DATA_DIR` that a running server locks.
const LOCK: &str = "lock";

/// The open adapters of standalone LogPulse.
pub struct Adapters {
    /// Entries that are accepted but not yet stored.
    pub queue: Queue,
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
    /// The same index if it is embedded: only the embedded index is rebuilt automatically.
    derived_index: Option<Arc<DerivedIndex>>,
    cache: Arc<dyn Cache>,
    delete_jobs: Arc<dyn DeleteJobs>,
    disk: Arc<Disk>,
    /// Prevents other processes from using the same `DATA_DIR`.
    _lock: File,
}

impl Adapters {
    /// Opens the configured adapters. By default, they keep their data in `DATA_DIR`, which is
    /// created if it does not exist.
    ///
    /// # Errors
    /// When an adapter cannot be opened, or another process uses `DATA_DIR`.
    pub async fn open(config: &StandaloneConfig) -> anyhow::Result<Self> {
        let lock = lock(config)?;
        require_complete(&config.data_dir)?;
        let store_url = config.store_url()?;
        let store = store::open(store_url.expose()).await.context("opening the store")?;
        let (index, derived_index) =
            open_index(config, &store).await.context("opening the index")?;
        let disk = Arc::new(Disk::new(config.data_dir.clone(), load()?));
        let mut queue = open_queue(config).await?;
        queue.producer = Arc::new(GuardedProducer { queue: queue.producer, disk: disk.clone() });
        let adapters = Self {
            queue,
            disk,
            store,
            index,
            derived_index,
            cache: cache::open(config.cache_url()?.expose(), config.cache_ttl).await?,
            delete_jobs: store::open_delete_jobs(store_url.expose()).await?,
            _lock: lock,
        };
        sync_directory(&config.data_dir).context("syncing DATA_DIR")?;
        Ok(adapters)
    }

    /// Returns all functions, ready to serve until `shutdown` is cancelled.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub fn functions(&self, shutdown: &CancellationToken) -> anyhow::Result<Vec<Function>> {
        // All functions reserve memory for bodies from the same budget.
        let limits = Limits::load()?;
        let queue = || self.queue.producer.clone();
        Ok(vec![
            ingest::function(queue(), limits.clone()),
            any::function(queue(), limits.clone()),
            otlp::function(queue(), limits.clone()),
            bulk::function(queue(), limits.clone()),
            loki::function(queue(), limits.clone()),
            get::function(self.cache.clone(), self.store.clone()),
            delete::function(self.delete_ports(), load()?),
            search::function(self.index.clone()),
            context::function(self.index.clone()),
            export::function(self.index.clone()),
            stats::function(self.index.clone()),
            fields::function(self.index.clone()),
            patterns::function(self.index.clone()),
            tail::function(self.queue.follower.clone(), shutdown.clone()),
            docs::function(),
            explorer::function(),
        ])
    }

    /// Returns the consumer that moves entries from the queue to the store and the index.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub fn consumer(&self) -> anyhow::Result<Consumer> {
        Ok(Consumer::new(&self.queue, self.store.clone(), self.index.clone(), load()?))
    }

    fn delete_ports(&self) -> delete::Ports {
        delete::Ports {
            store: self.store.clone(),
            index: self.index.clone(),
            cache: self.cache.clone(),
            jobs: self.delete_jobs.clone(),
        }
    }

    /// Spawns a task that runs deletions by query until `stop` is cancelled, if `DELETE_ENABLED` is
    /// set.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub fn spawn_deletions(&self, stop: CancellationToken) -> anyhow::Result<JoinHandle<()>> {
        let enabled = load::<DeleteConfig>()?.enabled;
        let worker = delete::Worker::new(self.delete_ports());
        Ok(tokio::spawn(async move {
            if enabled {
                worker.run(&stop).await;
            }
        }))
    }

    /// Spawns a task that builds the index from the store when necessary or requested, until `stop`
    /// is cancelled. `batches` is the consumer's lock on its batches.
    #[must_use]
    pub fn spawn_rebuilds(
        &self,
        batches: Arc<RwLock<()>>,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        let index = self.derived_index.clone();
        tokio::spawn(async move {
            if let Some(index) = index {
                index.run(&batches, &stop).await;
            }
        })
    }

    /// Spawns a task that drops the days that are no longer kept and watches the disk, until `stop`
    /// is cancelled.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub fn spawn_keeper(&self, stop: CancellationToken) -> anyhow::Result<JoinHandle<()>> {
        let setting = load::<RetentionConfig>()?.retention;
        let keeper = Keeper::new(self.store.clone(), self.index.clone(), setting);
        let disk = self.disk.clone();
        Ok(tokio::spawn(async move {
            tokio::join!(keeper.run(Day::today, &stop), disk.run(&keeper, &stop));
        }))
    }
}

async fn open_index(
    config: &StandaloneConfig,
    store: &Arc<dyn Store>,
) -> anyhow::Result<(Arc<dyn Index>, Option<Arc<DerivedIndex>>)> {
    let url = config.index_url()?;
    if !embedded::is_embedded(url.expose()) {
        return Ok((index::open(url.expose()).await?, None));
    }
    let index = Arc::new(DerivedIndex::open(url.expose(), store.clone()).await?);
    Ok((index.clone(), Some(index)))
}

/// Opens only the queue. Unlike [`Adapters::open`], this never creates one.
///
/// # Errors
/// When `DATA_DIR` contains no queue, or the queue cannot be opened.
pub async fn open_existing_queue(config: &StandaloneConfig) -> anyhow::Result<Queue> {
    config.require_queue()?;
    require_complete(&config.data_dir)?;
    open_queue(config).await
}

async fn open_queue(config: &StandaloneConfig) -> anyhow::Result<Queue> {
    queue::open(config.queue_url()?.expose()).await.context("opening the queue")
}

/// Empties the write-ahead logs of the queue and the store before the process ends.
///
/// # Errors
/// When a file cannot be written. Nothing is lost then: the next start reads the logs.
pub async fn empty_logs(config: &StandaloneConfig) -> anyhow::Result<()> {
    queue::empty_log(config.queue_url()?.expose()).await.context("writing the queue")?;
    store::empty_logs(config.store_url()?.expose()).await.context("writing the store")
}

/// Opens the rate limiter, by default in memory.
///
/// # Errors
/// When a setting is invalid.
pub async fn open_rate_limit(config: &StandaloneConfig) -> anyhow::Result<Option<RateLimit>> {
    let limiter_url = Some(config.limiter_url()?);
    RateLimit::open(&RateLimitConfig { limiter_url, ..load()? }).await
}

/// Syncs the directory and its parent, because a synced file survives a power failure only if its
/// directory entry does too.
fn sync_directory(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    for directory in path.ancestors().take(2) {
        match File::open(directory) {
            Ok(directory) => directory.sync_all()?,
            // A parent that this process may not read cannot be synced.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn lock(config: &StandaloneConfig) -> anyhow::Result<File> {
    let data_dir = &config.data_dir;
    let opened = fs::create_dir_all(data_dir).and_then(|()| File::create(data_dir.join(LOCK)));
    let lock = opened.with_context(|| format!("opening {} (DATA_DIR)", data_dir.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!(
            "another process uses {}; stop it, or set another DATA_DIR",
            std::path::absolute(data_dir).as_ref().unwrap_or(data_dir).display()
        ),
        Err(TryLockError::Error(error)) => Err(error).context("locking DATA_DIR"),
    }
}
