//! Batches are written concurrently, but committed in queue order.

use tokio::sync::oneshot;

/// A batch's place in the order of commits. If it is dropped before it is completed, no later batch
/// is committed.
pub(crate) struct CommitTicket {
    /// Resolves once the previous batch is committed. The first batch has none.
    previous: Option<oneshot::Receiver<()>>,
    committed: oneshot::Sender<()>,
}

impl CommitTicket {
    /// Issues the ticket that follows `last`, and makes it the new `last`.
    pub(crate) fn issue(last: &mut Option<oneshot::Receiver<()>>) -> Self {
        let (committed, receiver) = oneshot::channel();
        Self { previous: last.replace(receiver), committed }
    }

    /// Waits until the previous batch is committed. Returns `None` if it never will be.
    pub(crate) async fn wait_for_previous(&mut self) -> Option<()> {
        match self.previous.take() {
            Some(previous) => previous.await.ok(),
            None => Some(()),
        }
    }

    /// Allows the next batch to be committed.
    pub(crate) fn complete(self) {
        // Nothing waits for the last batch of a run.
        let _ = self.committed.send(());
    }
}
