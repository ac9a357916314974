//! Ends a connection so that its last response reaches a client that is still sending.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use hyper::server::conn::http1::Connection;
use hyper_util::rt::TokioIo;
use poem::{Endpoint, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{activity::Activity, connection::RequestService, rejection::RejectionFilter};

/// How long a draining keep-alive connection waits for its next request. The client may already
/// have sent one, and the response announces that the connection closes.
const NEXT_REQUEST_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a client may pause while its remaining input is discarded.
const LINGER_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum time for discarding remaining input.
const LINGER_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum number of bytes of remaining input to discard.
const LINGER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Closes the connection after the request in flight, or soon if it is idle. A client that has not
/// sent a request yet may take `first_request_timeout` to send one.
///
/// Returns whether the client may still be sending a request body.
pub(super) async fn finish<E>(
    connection: &mut Connection<RejectionFilter<TokioIo<TcpStream>>, RequestService<E>>,
    activity: &Activity,
    first_request_timeout: Duration,
) -> hyper::Result<bool>
where
    E: Endpoint<Output = Response> + 'static,
{
    // Hyper's graceful shutdown closes an idle connection even if a request is waiting in its
    // socket buffer.
    let request = poll_fn(|context| match connection.poll_without_shutdown(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if !activity.is_idle() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    let had_requested = activity.has_requested();
    let request_timeout = if had_requested {
        NEXT_REQUEST_TIMEOUT.min(first_request_timeout)
    } else {
        first_request_timeout
    };
    match timeout(request_timeout.saturating_sub(activity.idle_for()), request).await {
        Ok(Some(ended)) => return ended.map(|()| activity.has_requested()),
        Ok(None) => {}
        // The last response may still be in transit.
        Err(_elapsed) if had_requested => {}
        Err(_elapsed) => return Ok(false),
    }
    let in_flight = !activity.is_idle();
    Pin::new(&mut *connection).graceful_shutdown();
    poll_fn(|context| connection.poll_without_shutdown(context)).await?;
    Ok(in_flight)
}

/// Closes the sending side and discards the client's remaining input. Closing a socket with unread
/// input resets the connection, and the client would lose its response (for example a 413).
pub(super) async fn linger(stream: TcpStream) {
    let _ = timeout(LINGER_TIMEOUT, discard_input(stream)).await;
}

async fn discard_input(mut stream: TcpStream) {
    let mut discarded_bytes = 0;
    // On the heap, so that it does not enlarge the future of every connection.
    let mut buffer = vec![0; 8192];
    if stream.shutdown().await.is_err() {
        return;
    }
    while let Ok(Ok(read @ 1..)) = timeout(LINGER_IDLE_TIMEOUT, stream.read(&mut buffer)).await {
        discarded_bytes += read;
        if discarded_bytes > LINGER_MAX_BYTES {
            return;
        }
    }
}
