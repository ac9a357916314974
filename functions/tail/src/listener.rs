//! A client that listens: which entries it wants, and the events that wait for it to read them.

use std::sync::Arc;

use bytes::Bytes;
use shared::query::{Condition, Subject};
use shared::{EntryId, LogEntry, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::event_id::{EventId, Progress};

/// The maximum number of events that wait for a client.
const MAX_EVENTS: usize = 4096;

/// The maximum size of the events that wait for a client, in bytes of JSON.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// A record of the queue, parsed.
pub(crate) struct Parsed {
    pub(crate) progress: Progress,
    pub(crate) lines: Vec<Line>,
}

/// An entry of a record.
pub(crate) struct Line {
    /// Its number in the record, from 1.
    pub(crate) number: usize,
    pub(crate) entry: LogEntry,
    pub(crate) json: Bytes,
}

/// An entry on its way to a client.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: EventId,
    pub(crate) json: Bytes,
    /// The number of events that were dropped before this one.
    pub(crate) dropped: u64,
    _room: OwnedSemaphorePermit,
}

/// Which entries a client wants.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) condition: Condition,
    /// If set, only entries that arrived at this time or later.
    pub(crate) since: Option<Timestamp>,
    /// One of this number of entries is sent, chosen by its id.
    pub(crate) sample: u64,
}

impl Wanted {
    fn includes(&self, subject: &Subject<'_>, id: EntryId) -> bool {
        self.since.is_none_or(|since| since <= id.time())
            && self.is_sampled(id)
            && self.condition.matches(subject)
    }

    /// The last bytes of an id are random, so every replica chooses the same entries.
    fn is_sampled(&self, id: EntryId) -> bool {
        let [.., a, b, c, d] = *id.as_bytes();
        u64::from(u32::from_be_bytes([a, b, c, d])).is_multiple_of(self.sample)
    }
}

/// The sending end of a client's events.
pub(crate) struct Listener {
    pub(crate) number: u64,
    wanted: Wanted,
    /// What the client has received elsewhere.
    pub(crate) progress: Progress,
    events: mpsc::Sender<Event>,
    room: Arc<Semaphore>,
    dropped: u64,
}

impl Listener {
    pub(crate) fn new(
        number: u64,
        wanted: Wanted,
        progress: Progress,
    ) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(MAX_EVENTS);
        let room = Arc::new(Semaphore::new(MAX_BYTES));
        (Self { number, wanted, progress, events, room, dropped: 0 }, receiver)
    }

    /// Whether the client has gone away.
    pub(crate) fn is_closed(&self) -> bool {
        self.events.is_closed()
    }

    /// Waits until the client has gone away.
    pub(crate) async fn closed(&self) {
        self.events.closed().await;
    }

    /// Whether at most half of the room is used.
    pub(crate) fn has_room(&self) -> bool {
        self.room.available_permits() >= MAX_BYTES / 2 && self.events.capacity() >= MAX_EVENTS / 2
    }

    /// The lines of a record that the client wants and has not received.
    pub(crate) fn selects(&self, parsed: &Parsed, line: &Line, subject: &Subject<'_>) -> bool {
        let record = parsed.progress.current.map(|(position, _)| position);
        let read = record.map_or(0, |record| self.progress.lines_read(record));
        line.number > read && self.wanted.includes(subject, line.entry.id)
    }

    /// Sends an entry if there is room for it.
    pub(crate) fn try_send(&mut self, parsed: &Parsed, line: &Line) {
        let room = self.room.clone().try_acquire_many_owned(size(line));
        let (Ok(room), Ok(permit)) = (room, self.events.try_reserve()) else {
            self.dropped += 1;
            return;
        };
        permit.send(event(parsed, line, std::mem::take(&mut self.dropped), room));
    }

    /// Sends an entry as soon as there is room for it. Returns whether the client still listens.
    pub(crate) async fn send(&mut self, parsed: &Parsed, line: &Line) -> bool {
        let room = tokio::select! {
            room = self.room.clone().acquire_many_owned(size(line)) => room,
            () = self.events.closed() => return false,
        };
        let Ok(room) = room else { return false };
        let dropped = std::mem::take(&mut self.dropped);
        self.events.send(event(parsed, line, dropped, room)).await.is_ok()
    }
}

fn event(parsed: &Parsed, line: &Line, dropped: u64, room: OwnedSemaphorePermit) -> Event {
    let current = parsed.progress.current.map(|(position, _)| (position, line.number));
    let progress = Progress { offsets: parsed.progress.offsets.clone(), current };
    let id = EventId { entry: line.entry.id, progress };
    Event { id, json: line.json.clone(), dropped, _room: room }
}

/// The share of the room that an entry takes, never more than all of it.
fn size(line: &Line) -> u32 {
    u32::try_from(line.json.len().clamp(1, MAX_BYTES)).unwrap_or(u32::MAX)
}
