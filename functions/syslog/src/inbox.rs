//! The messages that were received but are not published yet. Their memory is bounded: while the
//! inbox is full, TCP connections are not read, and datagrams are dropped.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

/// The maximum size of the messages in the inbox.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The memory that a message needs in addition to its bytes.
const OVERHEAD_BYTES: usize = 256;

/// A message, and the address of its sender.
#[derive(Debug)]
pub(crate) struct ReceivedMessage {
    pub(crate) message: Bytes,
    pub(crate) peer: IpAddr,
    /// The memory that is reserved for the message until it is published.
    pub(crate) memory: OwnedSemaphorePermit,
}

/// The sending end, for the connections.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    memory: Arc<Semaphore>,
    messages: mpsc::UnboundedSender<ReceivedMessage>,
    unpublished: Arc<AtomicUsize>,
}

/// The receiving end, for the publishers.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    pub(crate) messages: Arc<Mutex<mpsc::UnboundedReceiver<ReceivedMessage>>>,
    unpublished: Arc<AtomicUsize>,
}

/// Creates an inbox. It is closed once every sender has been dropped.
pub(crate) fn open() -> (Sender, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let unpublished = Arc::<AtomicUsize>::default();
    let memory = Arc::new(Semaphore::new(MAX_BYTES));
    let inbox =
        Inbox { messages: Arc::new(Mutex::new(receiver)), unpublished: unpublished.clone() };
    (Sender { memory, messages: sender, unpublished }, inbox)
}

impl Sender {
    /// Adds a message once there is enough memory.
    pub(crate) async fn send(&self, message: Bytes, peer: IpAddr) {
        // The semaphore is never closed.
        if let Ok(memory) = self.memory.clone().acquire_many_owned(permits(&message)).await {
            self.add(ReceivedMessage { message, peer, memory });
        }
    }

    /// Adds a message if there is enough memory. Returns whether it was added.
    pub(crate) fn try_send(&self, message: Bytes, peer: IpAddr) -> bool {
        let Ok(memory) = self.memory.clone().try_acquire_many_owned(permits(&message)) else {
            return false;
        };
        self.add(ReceivedMessage { message, peer, memory });
        true
    }

    fn add(&self, message: ReceivedMessage) {
        self.unpublished.fetch_add(1, Ordering::Relaxed);
        // The publishers run until all senders are dropped.
        let _ = self.messages.send(message);
    }
}

impl Inbox {
    /// Marks messages as published or rejected.
    pub(crate) fn complete(&self, messages: usize) {
        self.unpublished.fetch_sub(messages, Ordering::Relaxed);
    }

    /// The number of messages that are neither published nor rejected.
    pub(crate) fn unpublished(&self) -> usize {
        self.unpublished.load(Ordering::Relaxed)
    }
}

/// The memory for a message.
fn permits(message: &Bytes) -> u32 {
    u32::try_from((message.len() + OVERHEAD_BYTES).min(MAX_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn a_full_inbox_accepts_no_message_until_one_is_received() {
        let (sender, inbox) = open();
        let message = Bytes::from(vec![b'x'; MAX_BYTES / 4]);
        let try_send = || sender.try_send(message.clone(), Ipv4Addr::LOCALHOST.into());
        let sent = (0..10).filter(|_| try_send()).count();
        assert_eq!((sent, inbox.unpublished()), (3, 3));

        drop(inbox.messages.lock().await.recv().await.unwrap());

        assert!(try_send() && !try_send());
        inbox.complete(4);
        assert_eq!(inbox.unpublished(), 0);
    }
}
