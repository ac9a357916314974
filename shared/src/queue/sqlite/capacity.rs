//! Limits the total size of the records on the queue.

use std::sync::atomic::{AtomicU64, Ordering};

/// The total size of the records on the queue, and its limit.
pub(super) struct Capacity {
    used_bytes: AtomicU64,
    max_bytes: u64,
}

impl Capacity {
    pub(super) fn new(used_bytes: u64, max_bytes: u64) -> Self {
        Self { used_bytes: AtomicU64::new(used_bytes), max_bytes }
    }

    /// Reserves space for records, or returns `false` if the queue would exceed its limit.
    pub(super) fn try_reserve(&self, bytes: usize) -> bool {
        let add = |used: u64| {
            let sum = used.saturating_add(bytes as u64);
            (sum <= self.max_bytes).then_some(sum)
        };
        self.used_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok()
    }

    /// Releases the space of records that were committed, or could not be written.
    pub(super) fn release(&self, bytes: u64) {
        // Saturates, because a commit may include records that another process published.
        let subtract = |used: u64| Some(used.saturating_sub(bytes));
        let _ = self.used_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, subtract);
    }
}
