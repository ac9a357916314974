//! Limits the number of open connections.
//! At the limit, the connections that have been idle longest are closed, so idle clients cannot
//! lock out others.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::activity::Activity;

/// The maximum number of connections, even if the process may open more files.
const MAX_CONNECTIONS: u64 = 20_000;

/// File descriptors reserved for everything else: databases, the index, logs.
const RESERVED_FILES: u64 = 512;

/// How long to wait for a free slot before evicting more connections.
const EVICTION_INTERVAL: Duration = Duration::from_millis(50);

/// A slot for one connection, or `None` for a connection from the backlog at shutdown, which is not
/// counted.
pub(super) type Slot = Option<OwnedSemaphorePermit>;

/// The open connections of a server.
pub(super) struct OpenConnections {
    limit: usize,
    slots: Arc<Semaphore>,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    next_id: u64,
    by_id: HashMap<u64, Arc<Activity>>,
}

/// A registered connection. Dropping it frees its slot.
pub(super) struct ConnectionGuard {
    id: u64,
    connections: Arc<OpenConnections>,
    pub(super) activity: Arc<Activity>,
    _slot: Slot,
}

/// The number of connections that the limit on open files allows. Raises the soft limit of the
/// process to its hard limit.
pub(super) fn limit_of_process() -> usize {
    let files = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: files.maximum, ..files };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => files.current,
    };
    let files = allowed.unwrap_or(u64::MAX);
    let connections = files.saturating_sub(RESERVED_FILES).max(files / 2);
    usize::try_from(connections.min(MAX_CONNECTIONS)).unwrap_or(usize::MAX)
}

impl OpenConnections {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let slots = Arc::new(Semaphore::new(limit));
        Arc::new(Self { limit, slots, registry: Mutex::default() })
    }

    /// The maximum number of open connections.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for a free slot, and evicts idle connections until one is free.
    pub(super) async fn acquire_slot(&self) -> Slot {
        loop {
            let slot = Arc::clone(&self.slots).acquire_owned();
            match timeout(EVICTION_INTERVAL, slot).await {
                Ok(slot) => return slot.ok(),
                Err(_elapsed) => self.evict_idle(),
            }
        }
    }

    /// Evicts the connections that have been idle longest: 1/64 of the limit, plus one.
    pub(super) fn evict_idle(&self) {
        let mut idle: Vec<(Duration, Arc<Activity>)> = self
            .registry()
            .by_id
            .values()
            .filter(|activity| activity.is_idle() && !activity.evicted.is_cancelled())
            .map(|activity| (activity.idle_for(), Arc::clone(activity)))
            .collect();
        idle.sort_unstable_by_key(|(idle_for, _)| Reverse(*idle_for));
        let evicted = self.limit / 64 + 1;
        for (_, activity) in idle.into_iter().take(evicted) {
            activity.evicted.cancel();
        }
    }

    /// Registers an accepted connection.
    pub(super) fn register(self: &Arc<Self>, slot: Slot) -> ConnectionGuard {
        let activity = Arc::new(Activity::new());
        let mut registry = self.registry();
        let id = registry.next_id;
        registry.next_id += 1;
        registry.by_id.insert(id, Arc::clone(&activity));
        report_count(&registry);
        ConnectionGuard { id, connections: Arc::clone(self), activity, _slot: slot }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let mut registry = self.connections.registry();
        registry.by_id.remove(&self.id);
        report_count(&registry);
    }
}

fn report_count(registry: &Registry) {
    #[expect(clippy::cast_precision_loss, reason = "the number of connections is small")]
    metrics::gauge!("http_connections").set(registry.by_id.len() as f64);
}
