//! Takes messages from the inbox, and publishes them as entries:
//! `Message -- into_entry --> NewLogEntry -- arrive --> LogEntry -- queue.publish`

use std::sync::Arc;
use std::time::Duration;

use shared::intake::shape::Names;
use shared::intake::syslog::Message;
use shared::intake::{Intake, Outcome, Packed, Report};
use shared::{Arrival, Timestamp};
use tokio::time::{Instant, timeout_at};

use crate::inbox::{Inbox, Received};

/// A batch is published once its entries have this size, which is that of a queue record.
const BATCH_BYTES: usize = 512 * 1024;

/// How long a batch waits for more messages.
const BATCH_WAIT: Duration = Duration::from_millis(100);

/// The divisor of the maximum entry size that limits the size of parsed messages. An entry contains
/// a parsed message twice, and each byte may become an escape sequence of six.
const PARSED_FRACTION: usize = 16;

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
        while let Some((messages, entries)) = self.gather().await {
            if let Err(error) = self.intake.publish_persistently(entries).await {
                tracing::error!(messages, %error, "the queue rejected messages");
            }
            self.inbox.complete(messages);
        }
    }

    /// Packs the next messages. Returns how many there are, or `None` if the inbox is closed.
    async fn gather(&self) -> Option<(usize, Packed<Outcome>)> {
        let mut inbox = self.inbox.messages.lock().await;
        let mut next = inbox.recv().await;
        let deadline = Instant::now() + BATCH_WAIT;
        let arrival = Arrival::new(Timestamp::now());
        let mut packer = self.intake.packer(arrival, Report { ids: false, max_rejections: 0 });
        let mut messages = 0;
        while let Some(received) = next {
            // Far fewer messages than fit in an id make a batch full.
            let _ = packer.push(messages, self.entry(received, &arrival));
            messages += 1;
            if packer.bytes() >= BATCH_BYTES {
                break;
            }
            next = timeout_at(deadline, inbox.recv()).await.ok().flatten();
        }
        (messages > 0).then(|| (messages, packer.finish()))
    }

    fn entry(
        &self,
        Received { message, peer, .. }: Received,
        arrival: &Arrival,
    ) -> Result<shared::NewLogEntry, shared::log_entry::ValidationError> {
        let max_parsed_bytes = self.intake.limits().max_entry_bytes / PARSED_FRACTION;
        let text = String::from_utf8_lossy(&message);
        Message::parse(&text, arrival.time()).into_entry(&self.names, Some(peer), max_parsed_bytes)
    }
}
