//! Ensures that batches are committed in queue order, although they are written concurrently.

use tokio::sync::oneshot;

/// A batch's place in the order of commits. If a ticket is dropped before it is completed, no later
/// batch is committed.
pub(crate) struct CommitTicket {
    /// Resolves once the previous ticket is completed. The first batch has no previous ticket.
    previous: Option<oneshot::Receiver<()>>,
    committed: oneshot::Sender<()>,
}

impl CommitTicket {
    /// Issues the ticket after the one that `last` waits for, and replaces `last` with a receiver
    /// that waits for the new ticket.
    pub(crate) fn issue(last: &mut Option<oneshot::Receiver<()>>) -> Self {
        let (committed, receiver) = oneshot::channel();
        Self { previous: last.replace(receiver), committed }
    }

    /// Waits until the previous ticket is completed. Returns `None` if it was dropped instead.
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
