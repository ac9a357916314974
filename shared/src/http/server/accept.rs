//! Accepts connections until shutdown, then drains them so that requests in flight can finish.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use poem::{Endpoint, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    connection::{self, Context},
    open_connections::{OpenConnections, Slot},
};

/// How long to stop accepting connections after an error such as "too many open files".
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// The maximum number of connections to accept from the backlog at shutdown.
const MAX_BACKLOG: usize = 10_000;

/// Serves `endpoint` until shutdown, within the limit of `connections`.
pub(super) async fn serve(
    connections: Arc<OpenConnections>,
    listener: TcpListener,
    endpoint: impl Endpoint<Output = Response> + 'static,
    grace_period: Duration,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let local_address = listener.local_addr()?;
    info!(address = %local_address, max_connections = connections.limit(), "serving");
    let context = Arc::new(Context { endpoint, local_address, shutdown: shutdown.clone() });
    let mut acceptor = Acceptor { context, connections, tasks: JoinSet::new() };
    shutdown.run_until_cancelled_owned(acceptor.accept(&listener)).await;
    acceptor.accept_backlog(listener)?;
    acceptor.drain(grace_period).await;
    Ok(())
}

/// Accepts connections and serves each in a task.
struct Acceptor<E> {
    context: Arc<Context<E>>,
    connections: Arc<OpenConnections>,
    tasks: JoinSet<()>,
}

impl<E: Endpoint<Output = Response> + 'static> Acceptor<E> {
    /// Accepts connections until the future is dropped.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            let slot = self.connections.acquire_slot().await;
            match listener.accept().await {
                Ok((stream, peer)) => self.spawn(stream, peer, slot),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    warn!(%error, "cannot accept connections");
                    self.connections.evict_idle();
                    sleep(ERROR_PAUSE).await;
                }
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Accepts the connections that were established before shutdown. Closing the listener would
    /// reset them even if their clients have sent requests.
    fn accept_backlog(&mut self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        for _ in 0..MAX_BACKLOG {
            let Ok((stream, peer)) = listener.accept() else { break };
            stream.set_nonblocking(true)?;
            self.spawn(TcpStream::from_std(stream)?, peer, None);
        }
        Ok(())
    }

    fn spawn(&mut self, stream: TcpStream, peer: SocketAddr, slot: Slot) {
        let guard = self.connections.register(slot);
        let context = Arc::clone(&self.context);
        self.tasks.spawn(connection::serve(stream, peer, guard, context));
    }

    /// Waits for all connections to close; aborts those still open after the grace period.
    async fn drain(mut self, grace_period: Duration) {
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(grace_period, ended).await.is_err() {
            let connections = self.tasks.len();
            warn!(connections, "the grace period is over; aborting open connections");
        }
    }
}

/// Whether the error concerns only the connection that would have been accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use poem::{endpoint::make, http::StatusCode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(5);

    /// Responds to `/slow` after a second and to any other path immediately, on at most four
    /// connections.
    async fn serve_on_four_connections() -> SocketAddr {
        let endpoint = make(|request| async move {
            if request.uri().path() == "/slow" {
                sleep(Duration::from_secs(1)).await;
            }
            Response::from(StatusCode::NO_CONTENT)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = OpenConnections::new(4);
        tokio::spawn(serve(connections, listener, endpoint, DEADLINE, CancellationToken::new()));
        address
    }

    async fn send_request(stream: &mut TcpStream, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
    }

    async fn read_status(stream: &mut TcpStream) -> String {
        let mut response = [0; 1024];
        let length = timeout(DEADLINE, stream.read(&mut response)).await.unwrap().unwrap();
        String::from_utf8_lossy(&response[..length]).chars().take(12).collect()
    }

    #[tokio::test]
    async fn the_longest_idle_connection_is_closed_at_the_limit() {
        let address = serve_on_four_connections().await;
        let mut idle = Vec::new();
        for _ in 0..4 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            send_request(&mut stream, "/").await;
            assert_eq!(read_status(&mut stream).await, "HTTP/1.1 204");
            sleep(Duration::from_millis(5)).await;
            idle.push(stream);
        }
        let mut next = TcpStream::connect(address).await.unwrap();
        send_request(&mut next, "/").await;
        assert_eq!(read_status(&mut next).await, "HTTP/1.1 204");
        assert_eq!(read_status(&mut idle[0]).await, "", "the first connection is still open");
    }

    #[tokio::test]
    async fn silent_connections_do_not_lock_out_others() {
        let address = serve_on_four_connections().await;
        let mut silent = Vec::new();
        for _ in 0..8 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut next = TcpStream::connect(address).await.unwrap();
        send_request(&mut next, "/").await;
        assert_eq!(read_status(&mut next).await, "HTTP/1.1 204");
    }

    #[tokio::test]
    async fn a_request_in_flight_is_never_evicted() {
        let address = serve_on_four_connections().await;
        let mut busy = Vec::new();
        for _ in 0..4 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            send_request(&mut stream, "/slow").await;
            busy.push(stream);
        }
        let mut next = TcpStream::connect(address).await.unwrap();
        send_request(&mut next, "/").await;
        assert_eq!(read_status(&mut next).await, "HTTP/1.1 204");
        for stream in &mut busy {
            assert_eq!(read_status(stream).await, "HTTP/1.1 204");
        }
    }
}
