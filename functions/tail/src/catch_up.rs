//! Clients that continue after an event, or begin at a time. They read the queue on their own until
//! they can listen with the others.

use std::sync::Arc;
use std::time::Duration;

use shared::Timestamp;
use shared::queue::{Followed, Start};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::hub::{Hub, Refusal, Subscription};
use crate::listener::{Listener, Selection};
use crate::progress::Progress;
use crate::record::parts;

/// How long a client waits until it may catch up.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client that catches up.
struct CatchUp {
    hub: Arc<Hub>,
    /// The end of the queue when it was followed. From there on, entries that do not fit are dropped.
    end: Progress,
    _permit: OwnedSemaphorePermit,
}

impl Hub {
    /// Listens after what a client has read.
    pub(crate) async fn resume(
        self: &Arc<Self>,
        selection: Selection,
        read: Progress,
    ) -> Result<Subscription, Refusal> {
        let slot = self.slot()?;
        let (listener, events) = Listener::new(slot.id, selection, read.clone());
        let start = Start::After(read.offsets());
        let behind = self.state().join(listener);
        if let Some(listener) = behind {
            self.catch_up(listener, start).await?;
        }
        Ok(Subscription::new(events, read, slot))
    }

    /// Listens to the entries that arrived at this time or later.
    pub(crate) async fn listen_since(
        self: &Arc<Self>,
        selection: Selection,
        time: Timestamp,
    ) -> Result<Subscription, Refusal> {
        let slot = self.slot()?;
        let (listener, events) = Listener::new(slot.id, selection, Progress::default());
        let start = self.catch_up(listener, Start::At(time)).await?;
        Ok(Subscription::new(events, start, slot))
    }

    /// Follows the queue for a listener. Returns what had been read when it started.
    async fn catch_up(
        self: &Arc<Self>,
        mut listener: Listener,
        start: Start,
    ) -> Result<Progress, Refusal> {
        let permit = timeout(PERMIT_TIMEOUT, self.catching_up.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(Refusal::TooMany) };
        let followed = self.follower.follow(start.clone()).await?;
        let read = listener.ahead.on(&followed.starts, &followed.ends);
        listener.ahead = Arc::new(read.clone());
        let end = Progress::before(&followed.ends);
        if let Start::At(time) = start {
            listener.since = Some((time, end.clone()));
        }
        let catch_up = CatchUp { hub: self.clone(), end, _permit: permit };
        tokio::spawn(catch_up.run(listener, followed));
        Ok(read)
    }
}

impl CatchUp {
    async fn run(mut self, mut listener: Listener, mut followed: Followed) {
        loop {
            let joined = self.hub.state().join_with(&self.hub, listener, followed, &self.end);
            match joined {
                None => return,
                Some(behind) => (listener, followed) = behind,
            }
            let records = tokio::select! {
                biased;
                () = listener.closed() => return,
                records = followed.next() => records,
            };
            let Some(records) = records else {
                followed = tokio::select! {
                    () = listener.closed() => return,
                    followed = self.hub.follow_again(&listener.ahead) => followed,
                };
                listener.ahead = Arc::new(listener.ahead.on(&followed.starts, &followed.ends));
                self.end = Progress::before(&followed.ends);
                continue;
            };
            for (position, record) in records {
                for part in parts(position, &record) {
                    let before = listener.ahead.clone();
                    if !listener.send(&part, &before).await {
                        return;
                    }
                    Arc::make_mut(&mut listener.ahead).advance(part.partition, part.end);
                    yield_now().await;
                }
            }
            // The client joins the others once it has read most of what it was sent.
            listener.half_free().await;
        }
    }
}
