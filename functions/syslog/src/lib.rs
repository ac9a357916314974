//! Syslog: accepts messages over TCP and UDP and puts them on the queue as log entries.
//! `Frames -- next_message --> Message -- into_entry --> NewLogEntry -- queue.publish`
//!
//! Syslog has no acknowledgements. While the queue is full or unavailable, TCP connections are not
//! read, so senders wait, and UDP messages are dropped. A message over TCP is lost only if the
//! process is killed, or its grace period ends, before the message is on the queue.

pub mod frames;
mod inbox;
mod publisher;
mod tcp;
mod throttle;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use shared::http::Function;
use shared::intake::shape::Names;
use shared::intake::{Intake, Limits, Protocol};
use shared::queue::Producer;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use publisher::Publisher;

/// The port of the syslog function, unless `SYSLOG_PORT` is set. Port 514 needs privileges.
pub const DEFAULT_PORT: u16 = 5514;

/// The number of batches that are published at the same time.
const PUBLISHERS: usize = 4;

/// The maximum entry size divided by this is the maximum size of a message, because each of its
/// bytes may become an escape sequence of six.
const MESSAGE_DIVISOR: usize = 8;

/// The sockets that messages arrive on.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    udp: UdpSocket,
}

impl Listener {
    /// Listens for TCP and UDP on a port; 0 selects a free one.
    ///
    /// # Errors
    /// When the address is invalid or in use.
    pub async fn bind(host: &str, port: u16) -> anyhow::Result<Self> {
        let failed = || format!("listening for syslog on {host}, port {port} (HOST, SYSLOG_PORT)");
        let tcp = TcpListener::bind((host, port)).await.with_context(failed)?;
        let address = tcp.local_addr()?;
        let udp = UdpSocket::bind(address).await.with_context(failed)?;
        Ok(Self { tcp, udp })
    }

    /// The address, which is the same for TCP and UDP.
    ///
    /// # Errors
    /// When the system does not know the address.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Publishes the messages that arrive until shutdown, then those that have already arrived.
    /// Messages that are not on the queue at the end of the grace period are lost.
    ///
    /// # Errors
    /// When a task fails, which stops the listener.
    pub async fn run(
        self,
        queue: Arc<dyn Producer>,
        limits: Limits,
        grace_period: Duration,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        tracing::info!(address = %self.address()?, "listening for syslog");
        let max_message_bytes = limits.max_entry_bytes / MESSAGE_DIVISOR;
        let intake = Arc::new(Intake::new(Protocol::Syslog, queue, limits));
        let (sender, inbox) = inbox::open();
        let mut tasks = JoinSet::new();
        tasks.spawn(udp::serve(self.udp, sender.clone(), intake.clone(), shutdown.clone()));
        tasks.spawn(tcp::serve(self.tcp, sender, max_message_bytes, shutdown.clone()));
        let publisher = Publisher { intake, names: Arc::new(Names::standard()), inbox };
        for _ in 0..PUBLISHERS {
            tasks.spawn(publisher.clone().run());
        }

        tokio::select! {
            // Check for shutdown first, because it also ends the tasks.
            biased;
            () = shutdown.cancelled() => {}
            Some(ended) = tasks.join_next() => {
                ended.context("a task of the syslog listener failed")?;
                bail!("a task of the syslog listener ended before shutdown");
            }
        }
        let finished = async {
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a task of the syslog listener failed");
                }
            }
        };
        if timeout(grace_period, finished).await.is_err() {
            let messages = publisher.inbox.unpublished();
            tracing::error!(messages, "the grace period is over; unpublished messages are lost");
        }
        Ok(())
    }
}

/// The function to serve, which has health checks and metrics but no API.
#[must_use]
pub fn function(queue: Arc<dyn Producer>) -> Function {
    Function::without_api("syslog").requires("queue", queue)
}
