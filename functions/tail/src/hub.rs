//! Shares what is read from the queue among the clients that listen. The queue is read once,
//! however many listen, and not at all while nobody does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use shared::query::Subject;
use shared::queue::{Followed, Follower, Position, Record, Start};
use shared::{Error, LogEntry};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::event_id::{Offsets, Progress};
use crate::listener::{Event, Line, Listener, Parsed, Wanted};

/// The maximum number of clients that listen at the same time.
const MAX_LISTENERS: usize = 1000;

/// The maximum size of the records that are kept for clients that are about to catch up.
const MAX_RECENT_BYTES: usize = 512 * 1024;

/// The pause before the queue is followed again after it was lost.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The pause of a client that catches up while it has unread events.
const CATCH_UP_PAUSE: Duration = Duration::from_millis(10);

/// Reads the queue, and sends its entries to the listeners.
pub(crate) struct Hub {
    follower: Arc<dyn Follower>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of clients, including those that catch up.
    clients: usize,
    last_number: u64,
    listeners: Vec<Listener>,
    /// The task that reads the queue; `None` while nobody listens.
    reading: Option<AbortHandle>,
    /// How far it has been read.
    offsets: Arc<Offsets>,
    recent: VecDeque<(Arc<Parsed>, usize)>,
    recent_bytes: usize,
    /// The records before the recent ones.
    before_recent: Offsets,
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
    _place: Place,
}

/// A place among the clients.
struct Place {
    hub: Arc<Hub>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        state.clients -= 1;
        state.listeners.retain(|listener| listener.number != self.number);
        state.stop_if_unused();
    }
}

impl Hub {
    pub(crate) fn new(follower: Arc<dyn Follower>) -> Arc<Self> {
        Arc::new(Self { follower, state: Mutex::default() })
    }

    /// Listens from now on: every entry that is published after this returns is an event.
    pub(crate) async fn listen(self: &Arc<Self>, wanted: Wanted) -> Result<Subscription, Refusal> {
        let place = self.place()?;
        let (mut listener, events) = Listener::new(place.number, wanted, Progress::default());
        loop {
            let is_reading = self.state().reading.is_some();
            let followed =
                if is_reading { None } else { Some(self.follower.follow(Start::Now).await?) };
            match self.add(listener, followed) {
                None => return Ok(Subscription { events, _place: place }),
                // The last other client has just gone.
                Some(rejected) => listener = rejected,
            }
        }
    }

    /// Adds a listener, which is returned if the queue is not being read and must be followed first.
    fn add(
        self: &Arc<Self>,
        mut listener: Listener,
        followed: Option<Followed>,
    ) -> Option<Listener> {
        let mut state = self.state();
        if state.reading.is_none() {
            let Some(followed) = followed else { return Some(listener) };
            state.start(self, followed);
        }
        listener.progress.offsets = state.offsets.clone();
        state.listeners.push(listener);
        None
    }

    /// Adds a listener that has caught up, and otherwise returns it.
    fn add_caught_up(
        self: &Arc<Self>,
        listener: Listener,
        followed: Followed,
    ) -> Option<(Listener, Followed)> {
        let mut state = self.state();
        if state.reading.is_none() {
            state.start(self, followed);
            state.before_recent = listener.progress.complete();
            state.offsets = Arc::new(state.before_recent.clone());
            state.listeners.push(listener);
            return None;
        }
        state.add_caught_up(listener).map(|behind| (behind, followed))
    }

    /// Listens from where the client stopped, or from a time.
    pub(crate) async fn resume(
        self: &Arc<Self>,
        wanted: Wanted,
        start: Start,
        progress: Progress,
    ) -> Result<Subscription, Refusal> {
        let place = self.place()?;
        let followed = self.follower.follow(start).await?;
        let (mut listener, events) = Listener::new(place.number, wanted, progress);
        let mut offsets = (*listener.progress.offsets).clone();
        for (partition, start) in &followed.starts {
            offsets.entry(*partition).or_insert(start - 1);
        }
        listener.progress.offsets = Arc::new(offsets);
        tokio::spawn(catch_up(self.clone(), listener, followed));
        Ok(Subscription { events, _place: place })
    }

    fn place(self: &Arc<Self>) -> Result<Place, Refusal> {
        let mut state = self.state();
        if state.clients >= MAX_LISTENERS {
            return Err(Refusal::TooMany);
        }
        state.clients += 1;
        state.last_number += 1;
        Ok(Place { hub: self.clone(), number: state.last_number })
    }

    /// Reads the queue until nobody listens. If the queue is lost, it is read from where it was left.
    async fn read(self: Arc<Self>, mut followed: Followed) {
        loop {
            while let Some(records) = followed.next().await {
                let mut state = self.state();
                for (position, record) in records {
                    state.deliver(position, &record);
                }
            }
            followed = loop {
                sleep(RETRY_PAUSE).await;
                let offsets = self.state().offsets.clone();
                match self.follower.follow(Start::After((*offsets).clone())).await {
                    Ok(followed) => break followed,
                    Err(error) => tracing::warn!(%error, "following the queue failed"),
                }
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn start(&mut self, hub: &Arc<Hub>, followed: Followed) {
        let starts = followed.starts.iter();
        self.before_recent = starts.map(|(partition, start)| (*partition, start - 1)).collect();
        self.offsets = Arc::new(self.before_recent.clone());
        self.reading = Some(tokio::spawn(hub.clone().read(followed)).abort_handle());
    }

    fn stop_if_unused(&mut self) {
        if self.listeners.is_empty()
            && let Some(reading) = self.reading.take()
        {
            reading.abort();
            self.recent.clear();
            self.recent_bytes = 0;
        }
    }

    fn deliver(&mut self, position: Position, record: &Record) {
        let parsed = Arc::new(parse(&mut self.offsets, position, record));
        for line in &parsed.lines {
            let subject = Subject::new(&line.entry);
            for listener in &mut self.listeners {
                if listener.selects(&parsed, line, &subject) {
                    listener.try_send(&parsed, line);
                }
            }
        }
        let bytes = record.as_bytes().len();
        self.recent_bytes += bytes;
        self.recent.push_back((parsed, bytes));
        while self.recent_bytes > MAX_RECENT_BYTES
            && let Some((oldest, bytes)) = self.recent.pop_front()
        {
            self.recent_bytes -= bytes;
            self.before_recent.clone_from(&oldest.progress.offsets);
        }
    }

    /// Adds a listener that has caught up: it has read everything before the recent records. Others
    /// are returned.
    fn add_caught_up(&mut self, mut listener: Listener) -> Option<Listener> {
        let offsets = listener.progress.complete();
        let has_read = |(partition, before): (&i32, &i64)| offsets.get(partition) >= Some(before);
        if !self.before_recent.iter().all(has_read) {
            return Some(listener);
        }
        for (parsed, _) in &self.recent {
            for line in &parsed.lines {
                if listener.selects(parsed, line, &Subject::new(&line.entry)) {
                    listener.try_send(parsed, line);
                }
            }
        }
        self.listeners.push(listener);
        None
    }
}

/// Reads along for a client that was away, until it can listen with the others.
async fn catch_up(hub: Arc<Hub>, mut listener: Listener, mut followed: Followed) {
    while !listener.is_closed() {
        if !listener.has_room() {
            sleep(CATCH_UP_PAUSE).await;
            continue;
        }
        match hub.add_caught_up(listener, followed) {
            None => return,
            Some(behind) => (listener, followed) = behind,
        }
        let records = tokio::select! {
            records = followed.next() => records,
            () = listener.closed() => return,
        };
        let Some(records) = records else { return };
        for (position, record) in records {
            let mut offsets = listener.progress.offsets.clone();
            let parsed = parse(&mut offsets, position, &record);
            for line in &parsed.lines {
                let is_wanted = listener.selects(&parsed, line, &Subject::new(&line.entry));
                if is_wanted && !listener.send(&parsed, line).await {
                    return;
                }
            }
            listener.progress = Progress { offsets, current: None };
        }
    }
}

/// Parses a record, and records that it has been read. Lines that are not entries are skipped.
fn parse(offsets: &mut Arc<Offsets>, position: Position, record: &Record) -> Parsed {
    Arc::make_mut(offsets).insert(position.partition, position.offset);
    let bytes = Bytes::copy_from_slice(record.as_bytes());
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if let Ok(entry) = LogEntry::from_json(line) {
            lines.push(Line { number, entry, json: bytes.slice_ref(line) });
        }
    }
    let progress = Progress { offsets: offsets.clone(), current: Some((position, lines.len())) };
    Parsed { progress, lines }
}
