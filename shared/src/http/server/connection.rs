//! Serves one connection: passes its requests from hyper to the endpoint, and responds to those
//! that hyper rejects.

use std::{
    convert::Infallible, future::poll_fn, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::{HeaderValue, StatusCode, header::CONNECTION, uri::Scheme};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::rejection::{self, MAX_REQUEST_LINE_BYTES, RejectionFilter};
use super::{activity::Activity, drain, open_connections::ConnectionGuard};

/// How long a client may take to send the head of a request. The timeout starts at the end of
/// the previous request, so idle connections are closed too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a new connection may take to send its first request after shutdown has begun.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// How long an evicted connection may take to send its first request.
const EVICTED_FIRST_REQUEST_TIMEOUT: Duration = Duration::from_millis(100);

/// How long sent data may remain unacknowledged (`TCP_USER_TIMEOUT`, RFC 5482), in milliseconds.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MILLIS: u32 = 30_000;

/// The largest request head, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The state that all connections of a server share.
pub(super) struct Context<E> {
    pub(super) endpoint: E,
    pub(super) local_address: SocketAddr,
    pub(super) shutdown: CancellationToken,
}

/// Serves the connection until it closes.
pub(super) async fn serve<E>(
    stream: TcpStream,
    peer: SocketAddr,
    guard: ConnectionGuard,
    context: Arc<Context<E>>,
) where
    E: Endpoint<Output = Response> + 'static,
{
    // Responses are written whole, so waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    // Frees the memory of responses to clients that have vanished or do not read.
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MILLIS);
    let shutdown = context.shutdown.clone();
    let activity = &guard.activity;
    let service = RequestService { peer, context, activity: Arc::clone(activity) };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_header_size(MAX_HEAD_BYTES)
        // A client may close its sending side before it reads the response.
        .half_close(true)
        .serve_connection(RejectionFilter::new(TokioIo::new(stream)), service);
    let may_be_sending = tokio::select! {
        biased;
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => {
            ended.map(|()| activity.has_requested())
        }
        () = shutdown.cancelled() => {
            drain::finish(&mut connection, activity, FIRST_REQUEST_TIMEOUT).await
        }
        () = activity.evicted.cancelled() => {
            drain::finish(&mut connection, activity, EVICTED_FIRST_REQUEST_TIMEOUT).await
        }
    };
    let parts = connection.into_parts();
    let (stream, rejected) = parts.io.into_parts();
    let mut stream = stream.into_inner();
    if let Some(head) = rejected {
        rejection::respond(&mut stream, &head, &parts.read_buf).await;
        drain::linger(stream).await;
    } else if matches!(may_be_sending, Ok(true)) {
        drain::linger(stream).await;
    }
}

/// Passes the requests of one connection to the endpoint.
pub(super) struct RequestService<E> {
    peer: SocketAddr,
    context: Arc<Context<E>>,
    activity: Arc<Activity>,
}

impl<E: Endpoint<Output = Response> + 'static> Service<hyper::Request<Incoming>>
    for RequestService<E>
{
    type Response = hyper::Response<BoxBody<Bytes, io::Error>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        if request_line_bytes(&request) > MAX_REQUEST_LINE_BYTES {
            return Box::pin(async { Ok(rejection::response(StatusCode::URI_TOO_LONG).into()) });
        }
        let local = LocalAddr(Addr::SocketAddr(self.context.local_address));
        let remote = RemoteAddr(Addr::SocketAddr(self.peer));
        let request = Request::from((request, local, remote, Scheme::HTTP));
        let context = Arc::clone(&self.context);
        let activity = Arc::clone(&self.activity);
        activity.begin_request();
        Box::pin(async move {
            let mut response = context.endpoint.get_response(request).await;
            if context.shutdown.is_cancelled() {
                // Hyper closes the connection after this response; the client reconnects elsewhere.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            activity.end_request();
            Ok(response.into())
        })
    }
}

/// The length of the request line, including its line break.
fn request_line_bytes(request: &hyper::Request<Incoming>) -> usize {
    let uri = request.uri();
    let authority = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => scheme.len() + "://".len() + authority.as_str().len(),
        _ => 0,
    };
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    request.method().as_str().len() + authority + path + "  HTTP/1.1\r\n".len()
}
