//! Reads a request body into memory, within limits on size and time.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use poem::Body;
use poem::http::StatusCode;
use tokio::time::timeout;

use super::limits::{BodyLimits, Reservation};
use crate::http::Problem;

/// How long a client may take to send a body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may pause while sending a body.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The part of a body that does not count towards the shared memory, in bytes. Small bodies
/// are therefore accepted even while large ones use all of that memory.
const UNCOUNTED_BYTES: usize = 16 * 1024;

/// Reads the whole body.
pub(super) async fn read(
    body: Body,
    limits: &BodyLimits,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Problem> {
    let reading = timeout(READ_TIMEOUT, collect(body, limits, reservation));
    let seconds = READ_TIMEOUT.as_secs();
    reading.await.map_err(|_elapsed| timed_out(format!("the body took longer than {seconds} s")))?
}

async fn collect(
    body: Body,
    limits: &BodyLimits,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Problem> {
    let mut chunks = pin!(body.into_bytes_stream());
    let mut bytes = Vec::new();
    loop {
        let next = timeout(STALL_TIMEOUT, chunks.next()).await;
        let Some(chunk) = next.map_err(|_elapsed| stalled())? else {
            return Ok(bytes);
        };
        let chunk = chunk.map_err(|_| incomplete())?;
        let length = bytes.len() + chunk.len();
        if length > limits.max_bytes {
            drop(bytes);
            discard(chunks, limits.max_bytes).await;
            return Err(limits.too_large());
        }
        limits.reserve(length.saturating_sub(UNCOUNTED_BYTES.max(bytes.len())), reservation)?;
        bytes.extend_from_slice(&chunk);
    }
}

/// Reads and discards up to `max_bytes` more bytes, because many clients do not read the response
/// until they have sent the whole body.
async fn discard(
    mut chunks: impl Stream<Item = std::io::Result<Bytes>> + Unpin,
    mut max_bytes: usize,
) {
    while let Some(Ok(chunk)) = chunks.next().await {
        let Some(remaining) = max_bytes.checked_sub(chunk.len()) else { return };
        max_bytes = remaining;
    }
}

fn stalled() -> Problem {
    timed_out(format!("the body stalled for {} s", STALL_TIMEOUT.as_secs()))
}

fn timed_out(detail: String) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
}

fn incomplete() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "the body is incomplete")
}
