//! Responds with a problem to requests that hyper rejects before they reach the endpoint.
//!
//! Hyper writes an empty response itself. [`RejectionFilter`] holds back its head, and [`respond`]
//! sends the head with a problem as its body.

use std::{
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use poem::http::StatusCode;
use poem::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use poem::{IntoResponse, Response};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::debug;

use crate::http::middleware::request_id::{RequestId, X_REQUEST_ID};
use crate::http::problem::{PROBLEM_JSON, Problem};

/// The largest request line, in bytes; `large_client_header_buffers` in nginx.conf has the same
/// value.
pub(super) const MAX_REQUEST_LINE_BYTES: usize = 16 * 1024;

/// How long the client may take to receive the response.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest head that hyper writes itself, in bytes.
const MAX_HEAD_BYTES: usize = 256;

/// The header field of an empty response.
const NO_CONTENT: &str = "content-length: 0\r\n";

/// A connection to a client. It holds back the head of a response that hyper writes itself.
pub(super) struct RejectionFilter<T> {
    stream: T,
    /// The head that was held back. Nothing follows it on the connection.
    rejected: Option<String>,
}

impl<T> RejectionFilter<T> {
    pub(super) fn new(stream: T) -> Self {
        Self { stream, rejected: None }
    }

    /// The stream, and the head that was held back.
    pub(super) fn into_parts(self) -> (T, Option<String>) {
        (self.stream, self.rejected)
    }

    /// Holds the bytes back if they are a head that hyper writes itself.
    fn holds_back(&mut self, bytes: &[u8]) -> bool {
        let Some(head) = rejection_head(bytes) else { return false };
        self.rejected = Some(head.to_owned());
        true
    }
}

/// The bytes as text, if they are the head of an empty 4xx response without LogPulse's request id.
///
/// Hyper passes a head to the connection in one piece. LogPulse's own bodies never match, because
/// JSON and the documentation's files contain no blank line with carriage returns.
fn rejection_head(bytes: &[u8]) -> Option<&str> {
    if bytes.len() > MAX_HEAD_BYTES || !bytes.starts_with(b"HTTP/1.1 4") {
        return None;
    }
    let head = std::str::from_utf8(bytes).ok()?;
    let is_whole = head.find("\r\n\r\n") == head.len().checked_sub(4);
    (is_whole && head.contains(NO_CONTENT) && !head.contains("x-request-id:")).then_some(head)
}

impl<T: Read + Unpin> Read for RejectionFilter<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for RejectionFilter<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.holds_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        if let [bytes] = slices
            && self.holds_back(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Sends the head that was held back, with a problem as its body. `unread` is the input that hyper
/// has not parsed.
pub(super) async fn respond(stream: &mut (impl AsyncWrite + Unpin), head: &str, unread: &[u8]) {
    let status = status_of(head, unread);
    let response = with_problem(head, status);
    let sent = timeout(SEND_TIMEOUT, stream.write_all(response.as_bytes())).await;
    let sent = matches!(sent, Ok(Ok(())));
    debug!(%status, sent, "rejected a request that is not valid HTTP or too large");
}

/// The response to a request that is rejected before it reaches an operation.
pub(super) fn response(status: StatusCode) -> Response {
    let mut response = problem(status).into_response();
    response.headers_mut().insert(X_REQUEST_ID, RequestId::random().0);
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// The status of the response. Hyper reports a long request line as a large header.
fn status_of(head: &str, unread: &[u8]) -> StatusCode {
    let line_bytes = unread.iter().take_while(|byte| **byte != b'\n').count();
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    match status.unwrap_or(StatusCode::BAD_REQUEST) {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if line_bytes >= MAX_REQUEST_LINE_BYTES => {
            StatusCode::URI_TOO_LONG
        }
        status => status,
    }
}

fn with_problem(head: &str, status: StatusCode) -> String {
    let mut body = serde_json::to_string(&problem(status)).unwrap_or_default();
    body.push('\n');
    let (_, fields) = head.split_once("\r\n").unwrap_or_default();
    let (id, length) = (RequestId::random(), body.len());
    let id = id.as_str();
    let body_fields = format!(
        "content-type: {PROBLEM_JSON}\r\ncontent-length: {length}\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\nx-request-id: {id}\r\n"
    );
    format!("HTTP/1.1 {status}\r\n{}{body}", fields.replace(NO_CONTENT, &body_fields))
}

/// The problem for a rejected request. nginx.conf uses the same details.
fn problem(status: StatusCode) -> Problem {
    let detail = match status {
        StatusCode::URI_TOO_LONG => "the request line exceeds 16 KiB",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "the header has more than 100 fields, or exceeds 16 KiB in a field or 64 KiB in all"
        }
        _ => {
            "not a valid HTTP request; in the URI, percent-encode quotes, backticks, angle brackets \
             and bytes that are not UTF-8"
        }
    };
    Problem::new(status, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\
                        date: Thu, 26 Nov 2026 02:00:00 GMT\r\n\r\n";

    #[test]
    fn only_an_empty_client_error_without_a_request_id_is_a_rejection() {
        let with_id = HEAD.replace("date:", "x-request-id: a\r\ndate:");
        let two = HEAD.repeat(2);
        for (bytes, expected) in [
            (HEAD, true),
            (&HEAD.replace("431", "200"), false),
            (&HEAD.replace("length: 0", "length: 3"), false),
            (&with_id, false),
            (&two, false),
            (&HEAD[..HEAD.len() - 2], false),
            ("", false),
        ] {
            assert_eq!(rejection_head(bytes.as_bytes()).is_some(), expected, "{bytes}");
        }
    }

    #[test]
    fn a_rejection_keeps_its_fields_and_gets_a_body_of_the_stated_length() {
        let response = with_problem(HEAD, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{head}");
        assert!(head.contains("\r\ndate: Thu, 26 Nov 2026 02:00:00 GMT"), "{head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
        assert!(!head.contains(NO_CONTENT), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&body["status"], &body["type"]), (&431.into(), &"about:blank".into()));
    }

    #[test]
    fn a_large_head_with_a_long_request_line_gets_414() {
        let uri = "a".repeat(MAX_REQUEST_LINE_BYTES);
        for (unread, status) in [
            ("GET / HTTP/1.1\r\nA: a".to_owned(), 431),
            (format!("GET / HTTP/1.1\r\nA: {uri}"), 431),
            (format!("GET /{uri}"), 414),
            (format!("GET /{uri} HTTP/1.1\r\nA: a"), 414),
        ] {
            assert_eq!(status_of(HEAD, unread.as_bytes()), status);
        }
    }
}
