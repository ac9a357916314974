//! Tracks whether a Kafka client has been without brokers for too long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// How long a client without brokers may try to reconnect before it counts as lost.
pub(super) const RECONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Logs librdkafka's errors, and records when the last broker went down.
#[derive(Debug, Clone, Default)]
pub(super) struct BrokerHealth {
    down_since: Arc<Mutex<Option<Instant>>>,
}

impl BrokerHealth {
    /// Whether the client must be replaced.
    pub(super) fn is_lost(&self) -> bool {
        self.down_since().is_some_and(|since| since.elapsed() > RECONNECT_TIMEOUT)
    }

    /// Records that a broker has responded.
    pub(super) fn record_contact(&self) {
        *self.down_since() = None;
    }

    fn down_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.down_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn down_for(duration: Duration) -> Self {
        let health = Self::default();
        *health.down_since() = Instant::now().checked_sub(duration);
        health
    }
}

impl ClientContext for BrokerHealth {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.down_since().get_or_insert_with(Instant::now);
        }
        // librdkafka retries. Pending operations fail with their own errors.
        tracing::warn!(target: "librdkafka", %error, reason);
    }
}

impl ConsumerContext for BrokerHealth {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loss_of_every_broker_is_recorded() {
        let health = BrokerHealth::default();
        health.error(KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure), "one");
        assert!(health.down_since().is_none());
        health.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "all");
        assert!(health.down_since().is_some());
        health.record_contact();
        assert!(health.down_since().is_none());
    }

    #[test]
    fn a_client_is_lost_after_the_reconnect_timeout() {
        assert!(!BrokerHealth::default().is_lost());
        assert!(!BrokerHealth::down_for(RECONNECT_TIMEOUT / 2).is_lost());
        assert!(BrokerHealth::down_for(RECONNECT_TIMEOUT * 2).is_lost());
    }
}
