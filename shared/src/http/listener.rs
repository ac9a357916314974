//! The socket: accepts connections, gives them to hyper, and ends them without breaking a request.
//! Poem's own listener lacks a bound, a time limit for heads, `TCP_NODELAY`, and a calm drain.

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
    connection::{self, Host},
    connections::{self, Connections},
};

/// How long accepting pauses after an error such as "too many open files".
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The most connections that are taken from the backlog at the end.
const MAX_BACKLOG: usize = 10_000;

/// Serves `endpoint` until `shutdown` is cancelled, then finishes what is in flight, within `drain`.
///
/// Idle keep-alive connections are closed after ten seconds: a proxy in front must let go of its
/// own before that.
///
/// # Errors
/// When the listener is no listener.
pub async fn serve_on(
    listener: TcpListener,
    endpoint: impl Endpoint<Output = Response> + 'static,
    drain: Duration,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let connections = Connections::new(connections::limit());
    serve_within(connections, listener, endpoint, drain, shutdown).await
}

/// The same, with another bound than the process' files.
async fn serve_within(
    connections: Arc<Connections>,
    listener: TcpListener,
    endpoint: impl Endpoint<Output = Response> + 'static,
    drain: Duration,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    info!(%address, connections = connections.limit(), "serving");
    let host = Arc::new(Host { endpoint, address, shutdown: shutdown.clone() });
    let mut open = Open { host, connections, tasks: JoinSet::new() };
    shutdown.run_until_cancelled_owned(open.accept(&listener)).await;
    open.accept_backlog(listener)?;
    open.finish(drain).await;
    Ok(())
}

/// The connections that are being served.
struct Open<E> {
    host: Arc<Host<E>>,
    connections: Arc<Connections>,
    tasks: JoinSet<()>,
}

impl<E: Endpoint<Output = Response> + 'static> Open<E> {
    /// Accepts connections for ever.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            let room = self.connections.room().await;
            match listener.accept().await {
                Ok((stream, peer)) => self.attend(stream, peer, room),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    warn!(%error, "cannot accept connections");
                    self.connections.make_room();
                    sleep(ACCEPT_PAUSE).await;
                }
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Accepts the connections that were established before the end: their clients know nothing of
    /// it, and closing the listener would reset them.
    fn accept_backlog(&mut self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        for _ in 0..MAX_BACKLOG {
            let Ok((stream, peer)) = listener.accept() else { break };
            stream.set_nonblocking(true)?;
            self.attend(TcpStream::from_std(stream)?, peer, None);
        }
        Ok(())
    }

    fn attend(&mut self, stream: TcpStream, peer: SocketAddr, room: connections::Room) {
        let place = self.connections.enter(room);
        let host = Arc::clone(&self.host);
        self.tasks.spawn(connection::attend(stream, peer, place, host));
    }

    /// Waits for the connections to end, and breaks those that do not.
    async fn finish(mut self, drain: Duration) {
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(drain, ended).await.is_err() {
            let connections = self.tasks.len();
            warn!(connections, "requests did not finish in time: they are cut");
        }
    }
}

/// Whether the error is about the one connection that would have been accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use poem::{endpoint::make, http::StatusCode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    /// Serves `slow` after a second and everything else at once, on four connections at most.
    async fn serve_on_four() -> SocketAddr {
        let endpoint = make(|request| async move {
            if request.uri().path() == "/slow" {
                sleep(Duration::from_secs(1)).await;
            }
            Response::from(StatusCode::NO_CONTENT)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Connections::new(4);
        let shutdown = CancellationToken::new();
        tokio::spawn(serve_within(connections, listener, endpoint, SOON, shutdown));
        address
    }

    async fn ask(stream: &mut TcpStream, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
    }

    async fn status(stream: &mut TcpStream) -> String {
        let mut answer = [0; 1024];
        let length = timeout(SOON, stream.read(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer[..length]).chars().take(12).collect()
    }

    #[tokio::test]
    async fn where_there_is_no_room_the_longest_idle_goes() {
        let address = serve_on_four().await;
        let mut idle = Vec::new();
        for _ in 0..4 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            ask(&mut stream, "/").await;
            assert_eq!(status(&mut stream).await, "HTTP/1.1 204");
            sleep(Duration::from_millis(5)).await;
            idle.push(stream);
        }
        let mut next = TcpStream::connect(address).await.unwrap();
        ask(&mut next, "/").await;
        assert_eq!(status(&mut next).await, "HTTP/1.1 204");
        assert_eq!(status(&mut idle[0]).await, "", "the first one is closed");
    }

    #[tokio::test]
    async fn connections_that_never_asked_anything_do_not_keep_others_out() {
        let address = serve_on_four().await;
        let mut silent = Vec::new();
        for _ in 0..8 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut next = TcpStream::connect(address).await.unwrap();
        ask(&mut next, "/").await;
        assert_eq!(status(&mut next).await, "HTTP/1.1 204");
    }

    #[tokio::test]
    async fn a_request_in_flight_never_goes_to_make_room() {
        let address = serve_on_four().await;
        let mut busy = Vec::new();
        for _ in 0..4 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            ask(&mut stream, "/slow").await;
            busy.push(stream);
        }
        let mut next = TcpStream::connect(address).await.unwrap();
        ask(&mut next, "/").await;
        assert_eq!(status(&mut next).await, "HTTP/1.1 204");
        for stream in &mut busy {
            assert_eq!(status(stream).await, "HTTP/1.1 204");
        }
    }
}
