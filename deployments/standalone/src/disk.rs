//! Watches the free space of the disk, before it is full.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use retention::Keeper;
use shared::config::{DiskConfig, OnLowDisk};
use shared::disk::{DiskState, LowDisk, Space};
use shared::error::{Error, Ready, Result};
use shared::log_entry::Day;
use shared::queue::{Producer, Record};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The pause between checks: short, because a burst fills a disk quickly.
const INTERVAL: Duration = Duration::from_millis(250);

/// The pause after a day has been dropped, until its space is certainly free.
const DROP_PAUSE: Duration = Duration::from_secs(2);

/// The pause after there was nothing to drop.
const NOTHING_PAUSE: Duration = Duration::from_mins(1);

/// The disk is low once less than this multiple of the least free space is free.
const LOW_FACTOR: u8 = 2;

/// While days are dropped, entries are refused once only the least free space divided by this is
/// free: the rest is for those that have been accepted.
const REFUSE_DIVISOR: u64 = 2;

/// Once the disk has had too little free space, this much more must be free, in percent points, until
/// entries are accepted again. Otherwise, the state would change with every batch.
const MARGIN: u8 = 1;

/// The disk of `DATA_DIR`.
pub(crate) struct Disk {
    path: PathBuf,
    config: DiskConfig,
    state: watch::Sender<Option<DiskState>>,
    /// There was no day to drop.
    is_exhausted: AtomicBool,
}

impl Disk {
    pub(crate) fn new(path: PathBuf, config: DiskConfig) -> Self {
        Self { path, config, state: watch::Sender::new(None), is_exhausted: AtomicBool::new(false) }
    }

    /// Checks the disk until `stop` is cancelled, and drops days early if the setting says so.
    pub(crate) async fn run(&self, keeper: &Keeper, stop: &CancellationToken) {
        tokio::join!(
            repeat(stop, || async {
                match self.space().await {
                    Ok(space) => self.change(self.next_state(space), space),
                    Err(error) => {
                        tracing::warn!(%error, "failed to read the free space of the disk");
                    }
                }
                INTERVAL
            }),
            repeat(stop, || self.drop_if_needed(keeper)),
        );
    }

    async fn space(&self) -> anyhow::Result<Space> {
        let path = self.path.clone();
        Ok(tokio::task::spawn_blocking(move || Space::of(&path)).await??)
    }

    fn next_state(&self, space: Space) -> Option<DiskState> {
        let min_free = self.config.disk_min_free.0;
        let is_resuming = self.has_too_little_space();
        let least = if is_resuming { min_free.saturating_add(MARGIN) } else { min_free };
        if min_free == 0 || !space.has_less_than(min_free.saturating_mul(LOW_FACTOR)) {
            return None;
        }
        if !space.has_less_than(least) {
            return Some(DiskState::Low);
        }
        let can_drop = match self.config.on_low_disk {
            OnLowDisk::Refuse => false,
            OnLowDisk::DropOldest => !self.is_exhausted.load(Ordering::Relaxed),
        };
        let free = space.free.saturating_mul(REFUSE_DIVISOR);
        let is_urgent = Space { free, ..space }.has_less_than(min_free);
        Some(if can_drop && !is_urgent { DiskState::Dropping } else { DiskState::Refusing })
    }

    /// Drops a day if the disk has too little free space. Returns the pause until the next one.
    async fn drop_if_needed(&self, keeper: &Keeper) -> Duration {
        if self.config.on_low_disk != OnLowDisk::DropOldest || !self.has_too_little_space() {
            return INTERVAL;
        }
        match keeper.drop_next(Day::today()).await {
            Ok(dropped) => {
                self.is_exhausted.store(dropped.is_none(), Ordering::Relaxed);
                if dropped.is_some() { DROP_PAUSE } else { NOTHING_PAUSE }
            }
            Err(error) => {
                tracing::warn!(%error, "failed to drop a day early; retrying");
                DROP_PAUSE
            }
        }
    }

    fn has_too_little_space(&self) -> bool {
        matches!(self.state(), Some(DiskState::Refusing | DiskState::Dropping))
    }

    fn state(&self) -> Option<DiskState> {
        *self.state.borrow()
    }

    /// Changes the state, and logs it if it is new.
    fn change(&self, state: Option<DiskState>, space: Space) {
        show(space);
        if self.state.send_replace(state) == state {
            return;
        }
        let Space { free, size } = space;
        let min_free = self.config.disk_min_free.0;
        match state {
            None => tracing::info!(free, size, "the disk has enough free space"),
            Some(DiskState::Low) => {
                let then = match self.config.on_low_disk {
                    OnLowDisk::Refuse => "no entries will be accepted",
                    OnLowDisk::DropOldest => "the oldest days will be dropped early",
                };
                tracing::warn!(free, size, min_free, then, "the disk is almost full");
            }
            Some(DiskState::Refusing) => {
                tracing::error!(
                    free,
                    size,
                    min_free,
                    "too little of the disk is free: no entries are accepted"
                );
            }
            Some(DiskState::Dropping) => {
                tracing::error!(
                    free,
                    size,
                    min_free,
                    "too little of the disk is free: the oldest days are dropped"
                );
            }
        }
    }
}

/// Repeats the work until `stop` is cancelled. The work returns the pause until it is repeated.
async fn repeat<F: Future<Output = Duration>>(stop: &CancellationToken, work: impl Fn() -> F) {
    while !stop.is_cancelled() {
        let pause = work().await;
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "disks have fewer than 2^53 bytes")]
fn show(Space { free, size }: Space) {
    metrics::gauge!("disk_free_bytes").set(free as f64);
    metrics::gauge!("disk_size_bytes").set(size as f64);
}

/// A queue that refuses records while the disk has too little free space.
pub(crate) struct GuardedProducer {
    pub(crate) queue: Arc<dyn Producer>,
    pub(crate) disk: Arc<Disk>,
}

#[async_trait]
impl Ready for GuardedProducer {
    async fn ready(&self) -> Result<()> {
        self.queue.ready().await
    }

    fn disk_state(&self) -> Option<DiskState> {
        self.disk.state()
    }
}

#[async_trait]
impl Producer for GuardedProducer {
    async fn publish(&self, records: Vec<Record>) -> Result<()> {
        if self.disk.state() == Some(DiskState::Refusing) {
            let min_free = self.disk.config.disk_min_free.0;
            return Err(Error::unavailable("queue", LowDisk { min_free }));
        }
        self.queue.publish(records).await
    }
}
