//! Takes messages from the inbox, and publishes them as entries:
//! `Message -- into_entry --> NewLogEntry -- arrive --> LogEntry -- queue.publish`

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::intake::shape::{Names, max_parsed_bytes};
use shared::intake::syslog::Message;
use shared::intake::{Intake, Outcome, Packed, Report};
use shared::{Arrival, Timestamp};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::inbox::{Inbox, ReceivedMessage};

/// A batch is published once its entries have this size, the size of a queue record.
const BATCH_BYTES: usize = 512 * 1024;

/// How long a batch waits for more messages.
const BATCH_WAIT: Duration = Duration::from_millis(100);

/// Messages that are published together.
struct Batch {
    /// The memory that is reserved for each message until it is published.
    memory: Vec<OwnedSemaphorePermit>,
    entries: Packed<Outcome>,
}

/// Publishes messages. Several publishers share an inbox, so that one can gather messages while
/// others wait for the queue.
#[derive(Clone)]
pub(crate) struct Publisher {
    pub(crate) intake: Arc<Intake>,
    pub(crate) names: Arc<Names>,
    pub(crate) inbox: Inbox,
}

impl Publisher {
    /// Publishes messages until the inbox is closed and empty.
    pub(crate) async fn run(self) {
        while let Some(Batch { memory, entries }) = self.gather().await {
            let messages = memory.len();
            if let Err(error) = self.intake.publish_persistently(entries).await {
                tracing::error!(messages, %error, "the queue rejected messages");
            }
            drop(memory);
            self.inbox.complete(messages);
        }
    }

    /// Packs the next messages, or returns `None` if the inbox is closed.
    async fn gather(&self) -> Option<Batch> {
        let mut inbox = self.inbox.messages.lock().await;
        let mut next = inbox.recv().await;
        let deadline = Instant::now() + BATCH_WAIT;
        let arrival = Arrival::new(Timestamp::now());
        let mut packer = self.intake.packer(arrival, Report { ids: false, max_rejections: 0 });
        let mut memory = Vec::new();
        while let Some(ReceivedMessage { message, peer, memory: reserved }) = next {
            // Far fewer messages than fit in an id make a batch full.
            let _ = packer.push(memory.len(), self.entry(&message, peer, &arrival));
            memory.push(reserved);
            if packer.bytes() >= BATCH_BYTES {
                break;
            }
            next = timeout_at(deadline, inbox.recv()).await.ok().flatten();
        }
        (!memory.is_empty()).then(|| Batch { memory, entries: packer.finish() })
    }

    fn entry(
        &self,
        message: &[u8],
        peer: IpAddr,
        arrival: &Arrival,
    ) -> Result<shared::NewLogEntry, shared::log_entry::ValidationError> {
        let max_parsed_bytes = max_parsed_bytes(self.intake.limits().max_entry_bytes);
        let text = String::from_utf8_lossy(message);
        Message::parse(&text, arrival.time()).into_entry(&self.names, Some(peer), max_parsed_bytes)
    }
}
