//! A connection's activity: how long it has been idle, and whether it must close.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The activity of one connection.
pub(super) struct Activity {
    opened: Instant,
    /// When the last request began or ended, in milliseconds since the connection was opened.
    last_change_millis: AtomicU64,
    has_requested: AtomicBool,
    is_busy: AtomicBool,
    /// Cancelled when the connection must close to free a slot.
    pub(super) evicted: CancellationToken,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            last_change_millis: AtomicU64::new(0),
            has_requested: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
            evicted: CancellationToken::new(),
        }
    }

    /// Marks the beginning of a request.
    pub(super) fn begin_request(&self) {
        self.has_requested.store(true, Ordering::Relaxed);
        self.is_busy.store(true, Ordering::Relaxed);
        self.touch();
    }

    /// Marks the end of a request. Its response body may still be in transit.
    pub(super) fn end_request(&self) {
        self.is_busy.store(false, Ordering::Relaxed);
        self.touch();
    }

    /// Whether the connection has sent a request yet.
    pub(super) fn has_requested(&self) -> bool {
        self.has_requested.load(Ordering::Relaxed)
    }

    /// Whether no request is in flight.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_busy.load(Ordering::Relaxed)
    }

    /// The time since a request last began or ended.
    pub(super) fn idle_for(&self) -> Duration {
        let last_change = Duration::from_millis(self.last_change_millis.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(last_change)
    }

    fn touch(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_change_millis.store(now, Ordering::Relaxed);
    }
}
