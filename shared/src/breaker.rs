//! A circuit breaker: after a failure, calls to a service fail immediately for a short time.
//! The pause doubles with each consecutive failure, so an outage delays few requests, and a brief
//! failure delays hardly any.

use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the circuit breaker stays open after the first failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause. If the service does not fail for this long after a pause, the next pause is
/// [`FIRST_PAUSE`] again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The circuit breaker for one service, initially closed.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    last: Mutex<Option<Pause>>,
}

/// The service was not called, because its circuit breaker is open.
#[derive(Debug, thiserror::Error)]
#[error("not called because it failed recently")]
pub(crate) struct BreakerOpen;

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Breaker {
    /// Returns an error while the circuit breaker is open.
    pub(crate) fn check(&self) -> Result<(), BreakerOpen> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(pause) if Instant::now() < pause.until => Err(BreakerOpen),
            _ => Ok(()),
        }
    }

    /// Opens the circuit breaker after a failure, unless it is already open.
    pub(crate) fn open(&self) {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let length = match *last {
            Some(pause) if now < pause.until => return,
            Some(pause) if now < pause.until + LONGEST_PAUSE => LONGEST_PAUSE.min(pause.length * 2),
            _ => FIRST_PAUSE,
        };
        *last = Some(Pause { until: now + length, length });
    }
}

impl BreakerOpen {
    /// Whether an open circuit breaker caused the error.
    pub(crate) fn caused(error: &(dyn StdError + 'static)) -> bool {
        error.source().is_some_and(|source| source.is::<Self>() || Self::caused(source))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::error::Error;

    /// Opens the circuit breaker and returns how long it stays open, in milliseconds.
    async fn open(breaker: &Breaker) -> u32 {
        breaker.open();
        let mut millis = 0;
        while breaker.check().is_err() {
            // The failure of a call that began before the circuit breaker opened.
            breaker.open();
            advance(Duration::from_millis(1)).await;
            millis += 1;
        }
        millis
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_doubles_while_the_service_keeps_failing() {
        let breaker = Breaker::default();
        assert!(breaker.check().is_ok());
        for pause in [100, 200, 400, 800, 1000, 1000] {
            assert_eq!(open(&breaker).await, pause);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_is_short_again_after_a_second_without_failures() {
        let breaker = Breaker::default();
        for pause in [100, 200] {
            assert_eq!(open(&breaker).await, pause);
        }
        advance(LONGEST_PAUSE).await;
        assert_eq!(open(&breaker).await, 100);
    }

    #[test]
    fn errors_caused_by_an_open_breaker_are_recognized() {
        let open = Error::unavailable("cache", BreakerOpen);
        assert!(BreakerOpen::caused(&open));
        let refused = Error::unavailable("cache", "refused");
        assert!(!BreakerOpen::caused(&refused));
    }
}
