//! The last parts of records. Clients that have read everything before them can join the others.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::listener::Listener;
use crate::progress::Progress;
use crate::record::{Line, Part};

/// The maximum memory of the parts.
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Default)]
pub(crate) struct Recent {
    /// Each with what had been read before it.
    parts: VecDeque<(Part, Arc<Progress>)>,
    bytes: usize,
}

impl Recent {
    pub(crate) fn push(&mut self, part: Part, before: Arc<Progress>) {
        self.bytes += part.cost();
        self.parts.push_back((part, before));
        while self.bytes > MAX_BYTES
            && let Some((oldest, _)) = self.parts.pop_front()
        {
            self.bytes -= oldest.cost();
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What had been read before these parts, where `now` is what has been read.
    pub(crate) fn start<'p>(&'p self, now: &'p Progress) -> &'p Progress {
        self.parts.front().map_or(now, |(_, before)| before)
    }

    /// Sends the lines that a listener selects and has not read. If there is no room for all of them and
    /// they may not be dropped, this sends none and returns `false`.
    pub(crate) fn send(&self, listener: &mut Listener, may_drop: bool) -> bool {
        let parts = self.parts.iter();
        let unread = parts.flat_map(|(part, _)| listener.unread(part, &part.subjects()));
        let unread: Vec<&Line> = unread.collect();
        if !may_drop && !listener.fits(&unread) {
            return false;
        }
        for (part, before) in &self.parts {
            listener.try_send(part, &part.subjects(), before);
        }
        true
    }
}
