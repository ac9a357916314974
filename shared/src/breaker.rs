//! A breaker: a service that did not answer is left alone for a moment.
//! So its absence costs one request its patience, and not every one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the service is left alone.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// Remembers that a service did not answer.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    open_until: Mutex<Option<Instant>>,
}

impl Breaker {
    /// Whether the service is to be left alone now.
    pub(crate) fn is_open(&self) -> bool {
        let until = *self.open_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Leaves the service alone from now on, for [`PAUSE`].
    pub(crate) fn open(&self) {
        let until = Instant::now() + PAUSE;
        *self.open_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_service_that_did_not_answer_is_left_alone_for_a_second() {
        let breaker = Breaker::default();
        assert!(!breaker.is_open());
        breaker.open();
        tokio::time::advance(PAUSE / 2).await;
        assert!(breaker.is_open());
        tokio::time::advance(PAUSE / 2).await;
        assert!(!breaker.is_open());
    }
}
