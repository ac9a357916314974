//! The HTTP server: binds the address, accepts and serves connections, and drains them at shutdown.
//! Poem's own server has no connection limit and no header timeout, and it breaks requests at
//! shutdown.

mod accept;
mod activity;
mod connection;
mod drain;
mod open_connections;
mod rejection;

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Context;
use poem::{Endpoint, Response};
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio_util::sync::CancellationToken;

use crate::config::HttpConfig;
use open_connections::OpenConnections;

/// The maximum number of connections waiting to be accepted; the kernel may have a lower limit.
const BACKLOG: u32 = 4096;

/// Listens on `HOST` and `PORT`.
///
/// # Errors
/// When the host name cannot be resolved, or the address is in use or does not belong to this
/// machine.
pub async fn bind(config: &HttpConfig) -> anyhow::Result<TcpListener> {
    let listen = async {
        let mut addresses = lookup_host((config.host.as_str(), config.port)).await?;
        let address = addresses.next().ok_or(ErrorKind::NotFound)?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen
        .await
        .with_context(|| format!("cannot listen on {}:{} (HOST, PORT)", config.host, config.port))
}

/// Serves `endpoint` until `shutdown` is cancelled, then finishes the requests in flight, for at
/// most `grace_period`.
///
/// Idle keep-alive connections are closed after ten seconds. A proxy in front must use a shorter
/// keep-alive timeout.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve_on(
    listener: TcpListener,
    endpoint: impl Endpoint<Output = Response> + 'static,
    grace_period: Duration,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let connections = OpenConnections::new(open_connections::limit_of_process());
    accept::serve(connections, listener, endpoint, grace_period, shutdown).await
}
