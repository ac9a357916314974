//! How many connections are open at once, and which must go when there is no room.
//! The longest idle go first: whoever only holds connections cannot keep others out.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// The most connections, however many files the process may open.
const MAX_CONNECTIONS: u64 = 20_000;

/// Files kept for everything else: databases, the index, logs.
const RESERVED_FILES: u64 = 512;

/// How long to wait for room before more connections are asked to go.
const PATIENCE: Duration = Duration::from_millis(50);

/// Room for one more connection; none is counted for those that come at the end.
pub(super) type Room = Option<OwnedSemaphorePermit>;

/// The open connections.
pub(super) struct Connections {
    limit: usize,
    room: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Arc<Activity>>,
}

/// A place among the open connections, given back on drop.
pub(super) struct Place {
    number: u64,
    connections: Arc<Connections>,
    pub(super) activity: Arc<Activity>,
    _room: Room,
}

/// What a connection is doing.
pub(super) struct Activity {
    opened: Instant,
    /// When the last request began or ended, in milliseconds since it was opened.
    last: AtomicU64,
    requested: AtomicBool,
    busy: AtomicBool,
    /// Cancelled when the connection must make room.
    pub(super) must_go: CancellationToken,
}

/// As many connections as the process' files allow; raises their limit as far as it may.
pub(super) fn limit() -> usize {
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

impl Connections {
    /// None open, `limit` at most.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, room: Arc::new(Semaphore::new(limit)), open: Mutex::default() })
    }

    /// The most that are open at once.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for room, and makes some if there is none.
    pub(super) async fn room(&self) -> Room {
        loop {
            let room = Arc::clone(&self.room).acquire_owned();
            match timeout(PATIENCE, room).await {
                Ok(room) => return room.ok(),
                Err(_elapsed) => self.make_room(),
            }
        }
    }

    /// Asks the connections that have been idle for longest to go, a small part of all.
    pub(super) fn make_room(&self) {
        let mut idle: Vec<(Duration, Arc<Activity>)> = self
            .open()
            .by_number
            .values()
            .filter(|activity| activity.is_idle() && !activity.must_go.is_cancelled())
            .map(|activity| (activity.idle_for(), Arc::clone(activity)))
            .collect();
        idle.sort_unstable_by_key(|(idle_for, _)| std::cmp::Reverse(*idle_for));
        let enough = self.limit / 64 + 1;
        for (_, activity) in idle.into_iter().take(enough) {
            activity.must_go.cancel();
        }
    }

    /// A place for a connection that was accepted.
    pub(super) fn enter(self: &Arc<Self>, room: Room) -> Place {
        let activity = Arc::new(Activity {
            opened: Instant::now(),
            last: AtomicU64::new(0),
            requested: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            must_go: CancellationToken::new(),
        });
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.by_number.insert(number, Arc::clone(&activity));
        count(&open);
        Place { number, connections: Arc::clone(self), activity, _room: room }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.by_number.remove(&self.number);
        count(&open);
    }
}

impl Activity {
    /// A request begins.
    pub(super) fn begin(&self) {
        self.requested.store(true, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
        self.touch();
    }

    /// The operation has answered; what is left of its body is being written.
    pub(super) fn end(&self) {
        self.busy.store(false, Ordering::Relaxed);
        self.touch();
    }

    /// Whether anything was ever asked.
    pub(super) fn has_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Whether no operation is at work.
    pub(super) fn is_idle(&self) -> bool {
        !self.busy.load(Ordering::Relaxed)
    }

    /// How long nothing began or ended.
    pub(super) fn idle_for(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(last)
    }

    fn touch(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}

/// The figure of open connections.
fn count(open: &Open) {
    #[expect(clippy::cast_precision_loss, reason = "there are some thousands at most")]
    metrics::gauge!("http_connections").set(open.by_number.len() as f64);
}
