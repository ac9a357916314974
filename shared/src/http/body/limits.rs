//! The limits on request bodies: the size of each, and the memory that they share.

use std::sync::Arc;

use poem::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::Problem;

/// The number of bodies of the maximum size, as sent, that fit into the shared memory.
const MAX_BODIES_IN_MEMORY: usize = 16;

/// The number of decompressed bodies of the maximum size that fit into the shared memory.
const MAX_DECOMPRESSED_IN_MEMORY: usize = 3;

/// How much larger the entries in a body may be than the largest decompressed body.
const MAX_EXPANSION: usize = 2;

/// The maximum size of a body, and the memory that all bodies share.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    pub(super) max_bytes: usize,
    pub(super) max_decompressed_bytes: usize,
    memory: Arc<Semaphore>,
}

/// The memory reserved for one body. Dropping it releases the memory.
#[derive(Debug, Default)]
pub(super) struct Reservation(Option<OwnedSemaphorePermit>);

impl BodyLimits {
    /// Limits bodies to `max_bytes` as sent, and to `max_decompressed_bytes` if they are
    /// compressed.
    #[must_use]
    pub fn new(max_bytes: usize, max_decompressed_bytes: usize) -> Self {
        let memory = shared_bytes(max_bytes, max_decompressed_bytes);
        Self { max_bytes, max_decompressed_bytes, memory: Arc::new(Semaphore::new(memory)) }
    }

    /// The maximum size of a decompressed body.
    #[must_use]
    pub fn max_decompressed_bytes(&self) -> usize {
        self.max_decompressed_bytes
    }

    /// Adds `bytes` of the shared memory to a reservation.
    ///
    /// # Errors
    /// When not enough memory is free (503).
    pub(super) fn reserve(
        &self,
        bytes: usize,
        reservation: &mut Reservation,
    ) -> Result<(), Problem> {
        let permits = u32::try_from(bytes).map_err(|_| self.too_large())?;
        let Ok(added) = Arc::clone(&self.memory).try_acquire_many_owned(permits) else {
            let detail = "too many large bodies are in progress; retry later";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1));
        };
        match &mut reservation.0 {
            Some(reservation) => reservation.merge(added),
            None => reservation.0 = Some(added),
        }
        Ok(())
    }

    /// Checks the size of the entries in a body.
    ///
    /// # Errors
    /// When they exceed twice the maximum size of a decompressed body (413).
    pub(super) fn check_entries(&self, bytes: usize) -> Result<(), Problem> {
        let max = self.max_decompressed_bytes.saturating_mul(MAX_EXPANSION);
        if bytes <= max {
            return Ok(());
        }
        let detail =
            format!("the entries of the request exceed {max} bytes; send fewer per request");
        Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
    }

    /// 413: the body as sent is too large.
    pub(super) fn too_large(&self) -> Problem {
        let detail = format!("the body exceeds {} bytes", self.max_bytes);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// 413: the decompressed body is too large.
    pub(super) fn too_large_decompressed(&self) -> Problem {
        let max = self.max_decompressed_bytes;
        let detail = format!("the decompressed body exceeds {max} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }
}

/// The memory that all bodies share, in bytes.
fn shared_bytes(max_bytes: usize, max_decompressed_bytes: usize) -> usize {
    let sent = max_bytes.saturating_mul(MAX_BODIES_IN_MEMORY);
    let decompressed = max_decompressed_bytes.saturating_mul(MAX_DECOMPRESSED_IN_MEMORY);
    sent.max(decompressed).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
impl BodyLimits {
    /// Whether no memory is reserved.
    pub(super) fn is_unused(&self) -> bool {
        let all = shared_bytes(self.max_bytes, self.max_decompressed_bytes);
        self.memory.available_permits() == all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_larger_than_the_free_memory_gets_503_with_retry_after() {
        let limits = BodyLimits::new(10, 10);
        let mut all = Reservation::default();
        limits.reserve(10 * MAX_BODIES_IN_MEMORY, &mut all).unwrap();
        let problem = limits.reserve(1, &mut Reservation::default()).unwrap_err();
        assert_eq!((problem.status, problem.retry_after), (503, Some(1)));
        drop(all);
        assert!(limits.is_unused());
    }
}
