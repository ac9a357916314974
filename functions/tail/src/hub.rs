//! Shares what is read from the queue among the clients that listen. The queue is read once,
//! however many listen, and only while at least one does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::Error;
use shared::queue::{Followed, Follower, Start};
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{Instant, sleep};

use crate::listener::{Event, Listener, Selection};
use crate::progress::Progress;
use crate::recent::Recent;
use crate::record::{Part, parts};

/// The maximum number of clients that listen at the same time.
const MAX_LISTENERS: usize = 1000;

/// The maximum number of clients that read the queue on their own, to catch up. Others wait.
const MAX_CATCHING_UP: usize = 16;

/// The pause before the queue is followed again after it was lost.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Reads the queue, and sends its entries to the listeners.
pub(crate) struct Hub {
    pub(crate) follower: Arc<dyn Follower>,
    state: Mutex<State>,
    /// Locked while a listener starts to follow the queue. It has the time and the reason of the last
    /// failure.
    starting: AsyncMutex<Option<(Instant, String)>>,
    pub(crate) catching_up: Arc<Semaphore>,
}

#[derive(Default)]
pub(crate) struct State {
    /// The number of clients, including those that catch up.
    clients: usize,
    last_id: u64,
    listeners: Vec<Listener>,
    /// The task that reads the queue; `None` while nobody listens.
    reading: Option<AbortHandle>,
    /// Changes whenever reading starts or stops. A task of an earlier session must not deliver.
    session: u64,
    /// How far the queue has been read.
    progress: Arc<Progress>,
    recent: Recent,
}

/// Why a client cannot listen.
pub(crate) enum Refusal {
    TooMany,
    Unavailable(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Unavailable(error)
    }
}

/// A client that listens. It stops when this is dropped.
pub(crate) struct Subscription {
    pub(crate) events: mpsc::Receiver<Event>,
    /// What had been read when the client began to listen.
    pub(crate) start: Progress,
    slot: Slot,
}

impl Subscription {
    pub(crate) fn new(events: mpsc::Receiver<Event>, start: Progress, slot: Slot) -> Self {
        Self { events, start, slot }
    }

    /// What has been read for a client that has received all events so far, and the number of events
    /// that were dropped since the last one. `None` while the client catches up.
    pub(crate) fn progress(&self) -> Option<(u64, Progress)> {
        let mut state = self.slot.hub.state();
        let mut progress = (*state.progress).clone();
        let listener = state.listeners.iter_mut().find(|listener| listener.id == self.slot.id)?;
        progress.merge(&listener.ahead);
        self.events.is_empty().then(|| (std::mem::take(&mut listener.dropped), progress))
    }
}

/// One of the clients that may listen.
pub(crate) struct Slot {
    hub: Arc<Hub>,
    pub(crate) id: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        state.clients -= 1;
        state.listeners.retain(|listener| listener.id != self.id);
        state.stop_if_unused();
    }
}

impl Hub {
    pub(crate) fn new(follower: Arc<dyn Follower>) -> Arc<Self> {
        Arc::new(Self {
            follower,
            state: Mutex::default(),
            starting: AsyncMutex::default(),
            catching_up: Arc::new(Semaphore::new(MAX_CATCHING_UP)),
        })
    }

    /// Listens from now on: every entry that is published after this returns is an event.
    pub(crate) async fn listen(
        self: &Arc<Self>,
        selection: Selection,
    ) -> Result<Subscription, Refusal> {
        let slot = self.slot()?;
        let (listener, events) = Listener::new(slot.id, selection, Progress::default());
        let waiting_since = Instant::now();
        let mut failure = self.starting.lock().await;
        if let Some((time, reason)) = &*failure
            && *time > waiting_since
        {
            // All that waited for the attempt share its outcome.
            return Err(Error::unavailable("queue", reason.clone()).into());
        }
        loop {
            let is_reading = self.state().reading.is_some();
            let followed = if is_reading {
                None
            } else {
                let followed = self.follower.follow(Start::Now).await;
                Some(followed.inspect_err(|error| {
                    *failure = Some((Instant::now(), error.to_string()));
                })?)
            };
            let mut state = self.state();
            if state.reading.is_none() {
                // Without a reader, the last other client has just disconnected.
                let Some(followed) = followed else { continue };
                let progress = Progress::before(&followed.starts);
                state.start(self, followed, progress);
            }
            state.listeners.push(listener);
            let start = (*state.progress).clone();
            drop(state);
            return Ok(Subscription::new(events, start, slot));
        }
    }

    pub(crate) fn slot(self: &Arc<Self>) -> Result<Slot, Refusal> {
        let mut state = self.state();
        if state.clients >= MAX_LISTENERS {
            return Err(Refusal::TooMany);
        }
        state.clients += 1;
        state.last_id += 1;
        Ok(Slot { hub: self.clone(), id: state.last_id })
    }

    /// Reads the queue until nobody listens. If the queue is lost, it is read from where it was left.
    async fn read(self: Arc<Self>, mut followed: Followed, session: u64) {
        loop {
            while let Some(records) = followed.next().await {
                for (position, record) in records {
                    for part in parts(position, &record) {
                        if !self.deliver(part, session) {
                            return;
                        }
                        yield_now().await;
                    }
                }
            }
            let progress = self.state().progress.clone();
            followed = self.follow_again(&progress).await;
            if !self.restart(&followed, session) {
                return;
            }
        }
    }

    /// Follows the queue again after it was lost.
    pub(crate) async fn follow_again(&self, progress: &Progress) -> Followed {
        loop {
            sleep(RETRY_PAUSE).await;
            match self.follower.follow(Start::After(progress.offsets())).await {
                Ok(followed) => return followed,
                Err(error) => tracing::warn!(%error, "following the queue failed"),
            }
        }
    }

    /// Sends a part of a record to all listeners. Returns whether the session still lasts.
    fn deliver(&self, part: Part, session: u64) -> bool {
        let mut state = self.state();
        if state.session == session {
            state.deliver(part);
        }
        state.session == session
    }

    /// Continues with what is followed now. Returns whether the session still lasts.
    fn restart(&self, followed: &Followed, session: u64) -> bool {
        let mut state = self.state();
        if state.session == session {
            state.restart(followed);
        }
        state.session == session
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Starts to read the queue, of which this much has been read.
    fn start(&mut self, hub: &Arc<Hub>, followed: Followed, progress: Progress) {
        self.session += 1;
        self.progress = Arc::new(progress);
        self.reading = Some(tokio::spawn(hub.clone().read(followed, self.session)).abort_handle());
    }

    fn stop_if_unused(&mut self) {
        if self.listeners.is_empty()
            && let Some(reading) = self.reading.take()
        {
            reading.abort();
            self.session += 1;
            self.recent.clear();
        }
    }

    fn restart(&mut self, followed: &Followed) {
        let progress = self.progress.on(&followed.starts, &followed.ends);
        if !progress.includes(&self.progress) {
            // The queue has lost records, or is another one.
            self.recent.clear();
            for listener in &mut self.listeners {
                listener.ahead = Arc::default();
            }
        }
        self.progress = Arc::new(progress);
    }

    fn deliver(&mut self, part: Part) {
        if self.progress.has_read(part.partition, part.end) {
            return;
        }
        let subjects = part.subjects();
        let before = self.progress.clone();
        Arc::make_mut(&mut self.progress).advance(part.partition, part.end);
        for listener in &mut self.listeners {
            listener.try_send(&part, &subjects, &before);
            if !listener.ahead.is_empty() && self.progress.includes(&listener.ahead) {
                listener.ahead = Arc::default();
            }
        }
        drop(subjects);
        self.recent.push(part, before);
    }

    /// Adds a listener that has read everything before the recent records. Others are returned, and
    /// those for which there is no room for the unread ones, unless they may be dropped.
    fn add_caught_up(&mut self, mut listener: Listener, may_drop: bool) -> Option<Listener> {
        if !listener.ahead.includes(self.recent.start(&self.progress))
            || !self.recent.send(&mut listener, may_drop)
        {
            return Some(listener);
        }
        if self.progress.includes(&listener.ahead) {
            listener.ahead = Arc::default();
        }
        self.listeners.push(listener);
        None
    }

    /// Adds a listener that has read no more than the hub, and everything before the recent records.
    /// Others are returned.
    pub(crate) fn join(&mut self, listener: Listener) -> Option<Listener> {
        if self.reading.is_none() || !self.progress.includes(&listener.ahead) {
            return Some(listener);
        }
        self.add_caught_up(listener, false)
    }

    /// Adds a listener that has followed the queue on its own and has read up to `end`. While nobody
    /// listens, its reader becomes that of all.
    pub(crate) fn join_with(
        &mut self,
        hub: &Arc<Hub>,
        mut listener: Listener,
        followed: Followed,
        end: &Progress,
    ) -> Option<(Listener, Followed)> {
        if listener.is_closed() {
            // Its slot may already have been released.
            return None;
        }
        let is_at_end = listener.ahead.includes(end);
        if self.reading.is_some() {
            return self.add_caught_up(listener, is_at_end).map(|behind| (behind, followed));
        }
        if !is_at_end {
            return Some((listener, followed));
        }
        let progress = std::mem::take(&mut listener.ahead);
        self.start(hub, followed, (*progress).clone());
        self.listeners.push(listener);
        None
    }
}
