//! A client that listens: which entries it selects, and the events that wait for it to read them.

use std::sync::Arc;

use bytes::Bytes;
use shared::query::{Condition, Subject};
use shared::{EntryId, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::progress::{EventId, Point, Progress};
use crate::record::{Line, Part};

/// The maximum number of events that wait for a client.
const MAX_EVENTS: usize = 4096;

/// The maximum size of the events that wait for a client, in bytes of JSON.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// An entry on its way to a client.
#[derive(Debug)]
pub(crate) struct Event {
    entry: EntryId,
    pub(crate) json: Bytes,
    /// The number of events that were dropped before this one.
    pub(crate) dropped: u64,
    /// What had been read before the part of the record with the entry.
    before: Arc<Progress>,
    /// What the client itself has read beyond that.
    ahead: Arc<Progress>,
    partition: i32,
    end: Point,
    _budget: OwnedSemaphorePermit,
}

impl Event {
    pub(crate) fn id(&self) -> EventId {
        let mut progress = (*self.before).clone();
        progress.merge(&self.ahead);
        progress.advance(self.partition, self.end);
        EventId { entry: Some(self.entry), progress }
    }
}

/// Which entries a client receives.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) condition: Condition,
    /// One of this number of entries is sent, chosen by its id.
    pub(crate) sample: u64,
}

impl Selection {
    fn includes(&self, subject: &Subject<'_>, id: EntryId) -> bool {
        self.is_sampled(id) && self.condition.matches(subject)
    }

    /// Every replica chooses the same entries. The ids of a request differ only in a counter, so all
    /// bytes are mixed, by multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4).
    fn is_sampled(&self, id: EntryId) -> bool {
        let mix = |hash: u64, byte: &u8| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
        };
        let hash = id.as_bytes().iter().fold(0, mix);
        (hash >> 32).is_multiple_of(self.sample)
    }
}

/// The sending end of a client's events.
pub(crate) struct Listener {
    pub(crate) id: u64,
    selection: Selection,
    /// Of what was on the queue when the client began, it receives only what arrived at this time or
    /// later.
    pub(crate) since: Option<(Timestamp, Progress)>,
    /// What the client has read. Empty once it is no more than what everybody has read.
    pub(crate) ahead: Arc<Progress>,
    events: mpsc::Sender<Event>,
    budget: Arc<Semaphore>,
    pub(crate) dropped: u64,
}

impl Listener {
    pub(crate) fn new(
        id: u64,
        selection: Selection,
        ahead: Progress,
    ) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(MAX_EVENTS);
        let (ahead, budget) = (Arc::new(ahead), Arc::new(Semaphore::new(MAX_BYTES)));
        (Self { id, selection, since: None, ahead, events, budget, dropped: 0 }, receiver)
    }

    /// Whether the client has disconnected.
    pub(crate) fn is_closed(&self) -> bool {
        self.events.is_closed()
    }

    /// Waits until the client has disconnected.
    pub(crate) async fn closed(&self) {
        self.events.closed().await;
    }

    /// Waits until at least half of the budget is free.
    pub(crate) async fn half_free(&self) {
        let (bytes, events) = (MAX_BYTES / 2, MAX_EVENTS / 2);
        let _ = self.budget.acquire_many(u32::try_from(bytes).unwrap_or(0)).await;
        let _ = self.events.reserve_many(events).await;
    }

    /// Whether these lines fit into the budget.
    pub(crate) fn fits(&self, lines: &[&Line]) -> bool {
        let bytes: usize = lines.iter().map(|line| line.json.len()).sum();
        bytes <= self.budget.available_permits() && lines.len() <= self.events.capacity()
    }

    /// The lines that the client selects and has not read.
    pub(crate) fn unread<'p>(&self, part: &'p Part, subjects: &[Subject<'_>]) -> Vec<&'p Line> {
        let lines = part.lines.iter().zip(subjects);
        let unread = lines.filter(|(line, subject)| {
            !self.ahead.has_read(part.partition, line.end)
                && !self.is_too_old(part, line)
                && self.selection.includes(subject, line.entry.id)
        });
        unread.map(|(line, _)| line).collect()
    }

    fn is_too_old(&self, part: &Part, line: &Line) -> bool {
        self.since.as_ref().is_some_and(|(since, end)| {
            line.entry.id.time() < *since && end.has_read(part.partition, line.end)
        })
    }

    /// Sends the unread lines for which there is room.
    pub(crate) fn try_send(
        &mut self,
        part: &Part,
        subjects: &[Subject<'_>],
        before: &Arc<Progress>,
    ) {
        for line in self.unread(part, subjects) {
            let budget = self.budget.clone().try_acquire_many_owned(size(line));
            let (Ok(budget), Ok(permit)) = (budget, self.events.clone().try_reserve_owned()) else {
                self.dropped += 1;
                continue;
            };
            permit.send(self.event(part, line, before, budget));
        }
    }

    /// Sends the unread lines, each as soon as there is room for it. Returns whether the client still
    /// listens.
    pub(crate) async fn send(&mut self, part: &Part, before: &Arc<Progress>) -> bool {
        let unread = self.unread(part, &part.subjects());
        for line in unread {
            let budget = tokio::select! {
                budget = self.budget.clone().acquire_many_owned(size(line)) => budget,
                () = self.events.closed() => return false,
            };
            let Ok(budget) = budget else { return false };
            let event = self.event(part, line, before, budget);
            if self.events.send(event).await.is_err() {
                return false;
            }
        }
        true
    }

    fn event(
        &mut self,
        part: &Part,
        line: &Line,
        before: &Arc<Progress>,
        budget: OwnedSemaphorePermit,
    ) -> Event {
        Event {
            entry: line.entry.id,
            json: line.json.clone(),
            dropped: std::mem::take(&mut self.dropped),
            before: before.clone(),
            ahead: self.ahead.clone(),
            partition: part.partition,
            end: line.end,
            _budget: budget,
        }
    }
}

/// The share of the budget that a line takes, never more than all of it.
fn size(line: &Line) -> u32 {
    u32::try_from(line.json.len().clamp(1, MAX_BYTES)).unwrap_or(u32::MAX)
}
