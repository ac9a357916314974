//! Limits how often a warning is logged.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest time between two warnings.
const INTERVAL: Duration = Duration::from_mins(1);

/// When a warning was last logged.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Option<Instant>);

impl Throttle {
    /// Whether the warning may be logged now. If so, it is not due again for a minute.
    pub(crate) fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|last| last.elapsed() >= INTERVAL);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_warning_is_due_once_a_minute() {
        let mut throttle = Throttle::default();
        assert_eq!([throttle.is_due(), throttle.is_due()], [true, false]);
        tokio::time::advance(INTERVAL).await;
        assert_eq!([throttle.is_due(), throttle.is_due()], [true, false]);
    }
}
