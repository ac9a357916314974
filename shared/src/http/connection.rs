//! One connection: requests from hyper to the endpoint, and an end that breaks none of them.
//! Whoever is still sending when the answer is written gets to read it.

use std::{
    convert::Infallible, future::poll_fn, io, net::SocketAddr, pin::Pin, sync::Arc, task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::{
    body::Incoming,
    server::conn::http1::{self, Connection},
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::{HeaderValue, header::CONNECTION, uri::Scheme};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::connections::{Activity, Place};

/// How long a client may take to send the head of a request. It counts from the end of the request
/// before, so it ends idle connections, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a new connection may take to ask something once the process has to end.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// How long the next request of a kept connection is waited for at the end: its client knows
/// nothing of it, and the answer will tell.
const NEXT_REQUEST: Duration = Duration::from_millis(500);

/// How long an answer may lie unread in milliseconds (RFC 5482).
#[cfg(target_os = "linux")]
const UNREAD_MILLIS: u32 = 30_000;

/// The same once others need the room.
const FIRST_REQUEST_WITHOUT_ROOM: Duration = Duration::from_millis(100);

/// The most of a head that is kept while it arrives.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long a client may be silent while the rest of what it sends is thrown away.
const LINGER: Duration = Duration::from_secs(1);

/// How long that may go on: a client of a byte now and then must not hold its place.
const LINGER_IN_ALL: Duration = Duration::from_secs(10);

/// How much of that is thrown away at most, in bytes.
const MAX_LINGER_BYTES: usize = 64 * 1024 * 1024;

/// What every connection is served.
pub(super) struct Host<E> {
    pub(super) endpoint: E,
    pub(super) address: SocketAddr,
    pub(super) shutdown: CancellationToken,
}

/// Serves the connection to its end.
pub(super) async fn attend<E>(stream: TcpStream, peer: SocketAddr, place: Place, host: Arc<Host<E>>)
where
    E: Endpoint<Output = Response> + 'static,
{
    // Answers are written whole: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    // A client that reads no answer, or is gone, does not hold it in memory for ever.
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD_MILLIS);
    let shutdown = host.shutdown.clone();
    let activity = Arc::clone(&place.activity);
    let caller = Caller { peer, host, activity };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        // A client may say that it has sent all before it has read anything.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), caller);
    let ended = tokio::select! {
        biased;
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => {
            ended.map(|()| place.activity.has_requested())
        }
        () = shutdown.cancelled() => {
            end(&mut connection, &place.activity, FIRST_REQUEST).await
        }
        () = place.activity.must_go.cancelled() => {
            end(&mut connection, &place.activity, FIRST_REQUEST_WITHOUT_ROOM).await
        }
    };
    if matches!(ended, Ok(true)) {
        let _ = timeout(LINGER_IN_ALL, linger(connection.into_parts().io.into_inner())).await;
    }
}

/// Ends the connection after the request in flight, or soon if there is none. Says whether there
/// was one, so that the client may still be sending.
async fn end<E>(
    connection: &mut Connection<TokioIo<TcpStream>, Caller<E>>,
    activity: &Activity,
    first_request_within: Duration,
) -> hyper::Result<bool>
where
    E: Endpoint<Output = Response> + 'static,
{
    // Hyper would end an idle connection although a request may be waiting in the socket.
    let request = poll_fn(|context| match connection.poll_without_shutdown(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if !activity.is_idle() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    let had_requested = activity.has_requested();
    let request_within =
        if had_requested { NEXT_REQUEST.min(first_request_within) } else { first_request_within };
    let patience = request_within.saturating_sub(activity.idle_for());
    match timeout(patience, request).await {
        Ok(Some(ended)) => return ended.map(|()| activity.has_requested()),
        Ok(None) => {}
        // The last answer may still be on its way.
        Err(_nothing_was_asked) if had_requested => {}
        Err(_nothing_was_asked) => return Ok(false),
    }
    let in_flight = !activity.is_idle();
    Pin::new(&mut *connection).graceful_shutdown();
    poll_fn(|context| connection.poll_without_shutdown(context)).await?;
    Ok(in_flight)
}

/// Says that there is no more to come, and reads what the client still sends. Closing a socket
/// with unread data would reset it, and the client would lose the answer (a 413, say).
async fn linger(mut stream: TcpStream) {
    let mut thrown_away = 0;
    // On the heap: every idle connection would carry it otherwise.
    let mut buffer = vec![0; 8192];
    if stream.shutdown().await.is_err() {
        return;
    }
    while let Ok(Ok(read @ 1..)) = timeout(LINGER, stream.read(&mut buffer)).await {
        thrown_away += read;
        if thrown_away > MAX_LINGER_BYTES {
            return;
        }
    }
}

/// Gives the requests of one connection to the endpoint.
struct Caller<E> {
    peer: SocketAddr,
    host: Arc<Host<E>>,
    activity: Arc<Activity>,
}

impl<E: Endpoint<Output = Response> + 'static> Service<hyper::Request<Incoming>> for Caller<E> {
    type Response = hyper::Response<BoxBody<Bytes, io::Error>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let local = LocalAddr(Addr::SocketAddr(self.host.address));
        let remote = RemoteAddr(Addr::SocketAddr(self.peer));
        let request = Request::from((request, local, remote, Scheme::HTTP));
        let host = Arc::clone(&self.host);
        let activity = Arc::clone(&self.activity);
        activity.begin();
        Box::pin(async move {
            let mut response = host.endpoint.get_response(request).await;
            if host.shutdown.is_cancelled() {
                // The client asks elsewhere from now on, and hyper closes behind the answer.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            activity.end();
            Ok(response.into())
        })
    }
}
