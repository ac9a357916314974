//! A breaker: a service that did not answer is left alone for a moment, and for longer while it goes
//! on like that. So its absence costs few requests their patience, and a hiccup hardly any.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the service is left alone at first.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How long it is left alone at most. If it was not for as long after a pause, all is forgotten.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Remembers that a service did not answer.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    last: Mutex<Option<Pause>>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Breaker {
    /// Whether the service is to be left alone now.
    pub(crate) fn is_open(&self) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|pause| Instant::now() < pause.until)
    }

    /// Leaves the service alone from now on, unless it is already.
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

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// Opens it, and answers how long it stays open, in milliseconds.
    async fn open(breaker: &Breaker) -> u32 {
        breaker.open();
        let mut millis = 0;
        while breaker.is_open() {
            // As others do that asked before it was open.
            breaker.open();
            advance(Duration::from_millis(1)).await;
            millis += 1;
        }
        millis
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_answer_is_left_alone_for_longer_and_longer() {
        let breaker = Breaker::default();
        assert!(!breaker.is_open());
        for pause in [100, 200, 400, 800, 1000, 1000] {
            assert_eq!(open(&breaker).await, pause);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_long_ago_is_forgotten() {
        let breaker = Breaker::default();
        for pause in [100, 200] {
            assert_eq!(open(&breaker).await, pause);
        }
        advance(LONGEST_PAUSE).await;
        assert_eq!(open(&breaker).await, 100);
    }
}
