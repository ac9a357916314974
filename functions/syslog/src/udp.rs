//! Receives datagrams. Each datagram is a message.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::intake::{Intake, Reason};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::frames::is_blank;
use crate::inbox::Sender;
use crate::throttle::Throttle;

/// The largest datagram.
const MAX_DATAGRAM_BYTES: usize = 64 * 1024;

/// How long to pause after an error.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// How long to receive datagrams that have already arrived at shutdown.
const SHUTDOWN_RECEIVE_TIME: Duration = Duration::from_millis(100);

/// Receives messages until shutdown, then those that have already arrived.
pub(crate) async fn serve(
    socket: UdpSocket,
    inbox: Sender,
    intake: Arc<Intake>,
    shutdown: CancellationToken,
) {
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    let mut receiver = Receiver { inbox, intake, dropped: 0, warning: Throttle::default() };
    while let Some(received) = shutdown.run_until_cancelled(socket.recv_from(&mut buffer)).await {
        match received {
            Ok((bytes, peer)) => receiver.receive(&buffer[..bytes], peer.ip()),
            Err(error) => {
                tracing::debug!(%error, "cannot receive a datagram");
                sleep(ERROR_PAUSE).await;
            }
        }
    }
    let deadline = Instant::now() + SHUTDOWN_RECEIVE_TIME;
    while let Ok(Ok((bytes, peer))) = timeout_at(deadline, socket.recv_from(&mut buffer)).await {
        receiver.receive(&buffer[..bytes], peer.ip());
    }
}

struct Receiver {
    inbox: Sender,
    intake: Arc<Intake>,
    /// The number of messages dropped since the last warning.
    dropped: usize,
    warning: Throttle,
}

impl Receiver {
    /// Adds a message to the inbox. UDP has no backpressure, so the message is dropped if the inbox
    /// is full.
    fn receive(&mut self, message: &[u8], peer: IpAddr) {
        if is_blank(message) || self.inbox.try_send(Bytes::copy_from_slice(message), peer) {
            return;
        }
        self.intake.count_rejected(Reason::Unavailable, 1);
        self.dropped += 1;
        if self.warning.is_due() {
            let messages = std::mem::take(&mut self.dropped);
            tracing::warn!(messages, "dropped UDP messages, because the queue is too slow or down");
        }
    }
}
