//! All functions in one process, on embedded parts: the same code as in the cluster.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use consumer::Consumer;
use ingest::Limits;
use shared::cache::{self, Cache};
use shared::config::{LimitsConfig, RateLimitConfig, StandaloneConfig, load};
use shared::http::{Function, RateLimit};
use shared::index::{self, Index};
use shared::queue::{self, Queue};
use shared::store::{self, Store};

/// The open parts of a standalone LogPulse.
pub struct Parts {
    /// What came in and is not yet stored.
    pub queue: Queue,
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
    cache: Arc<dyn Cache>,
    /// Held as long as the parts are: two processes must not share a folder.
    _lock: File,
}

impl Parts {
    /// Opens the parts that the settings name; by default they are made in `DATA_DIR`.
    ///
    /// # Errors
    /// When a part cannot be opened, or another process uses the folder.
    pub async fn open(config: &StandaloneConfig) -> anyhow::Result<Self> {
        let lock = lock(config)?;
        let parts = Self {
            queue: open_queue(config).await?,
            store: store::open(config.store_url()?.expose()).await.context("opening the store")?,
            index: index::open(config.index_url()?.expose()).await.context("opening the index")?,
            cache: cache::open(config.cache_url()?.expose(), config.cache_ttl).await?,
            _lock: lock,
        };
        keep_names(&config.data_dir).context("syncing DATA_DIR")?;
        Ok(parts)
    }

    /// Every function, ready to be served.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn functions(&self) -> anyhow::Result<Vec<Function>> {
        let limits = Limits::from(load::<LimitsConfig>()?);
        Ok(vec![
            ingest::function(self.queue.producer.clone(), limits),
            get::function(self.cache.clone(), self.store.clone()),
            search::function(self.index.clone()),
            docs::function(),
        ])
    }

    /// The consumer between the queue and the sinks.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn consumer(&self) -> anyhow::Result<Consumer> {
        Ok(Consumer::new(&self.queue, self.store.clone(), self.index.clone(), load()?))
    }
}

/// Opens the queue alone.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_queue(config: &StandaloneConfig) -> anyhow::Result<Queue> {
    queue::open(config.queue_url()?.expose()).await.context("opening the queue")
}

/// Opens the limiter; without a URL it is in memory.
///
/// # Errors
/// When a setting is wrong.
pub async fn open_rate_limit(config: &StandaloneConfig) -> anyhow::Result<Option<RateLimit>> {
    let limiter_url = Some(config.limiter_url()?);
    RateLimit::open(&RateLimitConfig { limiter_url, ..load()? }).await
}

/// Puts the names of new files and folders on the disk: what is in them is of no use without.
fn keep_names(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    for named in folder.ancestors().take(2) {
        match File::open(named) {
            Ok(directory) => directory.sync_all()?,
            // A folder that was made for us, in one that we may not read, is there already.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn lock(config: &StandaloneConfig) -> anyhow::Result<File> {
    let folder = &config.data_dir;
    let opened = fs::create_dir_all(folder).and_then(|()| File::create(folder.join("lock")));
    let lock = opened.with_context(|| format!("using {} (DATA_DIR)", folder.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("another process uses {} (DATA_DIR)", folder.display())
        }
        Err(TryLockError::Error(error)) => Err(error).context("locking DATA_DIR"),
    }
}
