//! Accepts TCP connections and reads messages from them.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::frames::Frames;
use crate::inbox::Sender;
use crate::throttle::Throttle;

/// The maximum number of open connections. Idle connections are not closed, because syslog senders
/// do not expect that: they notice it only after they have lost a message.
const MAX_CONNECTIONS: usize = 1000;

/// The size of the buffer for reading, in bytes.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// How long to stop accepting connections after an error such as "too many open files".
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection is idle before the system checks whether its sender still exists.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);

/// At shutdown, a connection is closed once it has been silent for this long.
const SHUTDOWN_SILENCE: Duration = Duration::from_millis(100);

/// At shutdown, a connection is read for at most this long.
const SHUTDOWN_READ_TIME: Duration = Duration::from_secs(1);

/// The maximum number of connections to accept from the backlog at shutdown.
const MAX_BACKLOG: usize = 1000;

/// Reads messages until shutdown, then what has already arrived.
pub(crate) async fn serve(
    listener: TcpListener,
    inbox: Sender,
    max_message_bytes: usize,
    shutdown: CancellationToken,
) {
    let connection = Connection { inbox, max_message_bytes, shutdown: shutdown.clone() };
    let mut connections = JoinSet::new();
    shutdown.run_until_cancelled(accept(&listener, &connection, &mut connections)).await;
    if let Err(error) = accept_backlog(listener, &connection, &mut connections) {
        tracing::warn!(%error, "cannot accept the last connections");
    }
    while connections.join_next().await.is_some() {}
}

/// Accepts connections until the future is dropped.
async fn accept(listener: &TcpListener, connection: &Connection, tasks: &mut JoinSet<()>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut warning = Throttle::default();
    loop {
        if slots.available_permits() == 0 && warning.is_due() {
            tracing::warn!(max_connections = MAX_CONNECTIONS, "new connections have to wait");
        }
        // The semaphore is never closed.
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = connection.clone();
                tasks.spawn(async move {
                    connection.read(stream, peer.ip()).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ERROR_PAUSE).await;
            }
        }
        while tasks.try_join_next().is_some() {}
    }
}

/// Accepts the connections that were established before shutdown, because their senders may have
/// sent messages.
fn accept_backlog(
    listener: TcpListener,
    connection: &Connection,
    tasks: &mut JoinSet<()>,
) -> io::Result<()> {
    let listener = listener.into_std()?;
    for _ in 0..MAX_BACKLOG {
        let Ok((stream, peer)) = listener.accept() else { break };
        stream.set_nonblocking(true)?;
        let (stream, connection) = (TcpStream::from_std(stream)?, connection.clone());
        tasks.spawn(async move { connection.read(stream, peer.ip()).await });
    }
    Ok(())
}

/// The state that all connections share.
#[derive(Clone)]
struct Connection {
    inbox: Sender,
    max_message_bytes: usize,
    shutdown: CancellationToken,
}

impl Connection {
    /// Reads messages until the sender closes the connection, or until shutdown.
    async fn read(&self, mut stream: TcpStream, peer: IpAddr) {
        // Only Linux has both options; without them, connections of vanished senders stay open.
        let _ = set_socket_keepalive(&stream, true);
        let _ = set_tcp_keepidle(&stream, KEEPALIVE_IDLE);
        let mut frames = Frames::new(self.max_message_bytes);
        let mut buffer = vec![0; READ_BUFFER_BYTES];
        let mut deadline = None;
        loop {
            let read = match deadline {
                None => self.shutdown.run_until_cancelled(stream.read(&mut buffer)).await,
                Some(deadline) if Instant::now() >= deadline => break,
                Some(_) => timeout(SHUTDOWN_SILENCE, stream.read(&mut buffer)).await.ok(),
            };
            match read {
                Some(Ok(0)) => break,
                Some(Ok(bytes)) => {
                    frames.push(&buffer[..bytes]);
                    while let Some(message) = frames.next_message() {
                        self.inbox.send(message, peer).await;
                    }
                }
                Some(Err(error)) => {
                    tracing::debug!(%peer, %error, "the connection failed");
                    break;
                }
                None if deadline.is_none() => deadline = Some(Instant::now() + SHUTDOWN_READ_TIME),
                None => break,
            }
        }
        if let Some(message) = frames.finish() {
            self.inbox.send(message, peer).await;
        }
    }
}
