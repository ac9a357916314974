//! A client that is made when it is first needed, and made anew once it has lost every broker.
//! When a cluster names no broker for a moment, librdkafka forgets those that it knew and never
//! connects again (confluentinc/librdkafka#5301); a new client asks those of the settings.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

/// How long a client that has lost every broker may try to find one again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends what librdkafka has to say to the log, and remembers when every broker was lost.
#[derive(Debug, Clone, Default)]
pub(super) struct BrokerHealth {
    lost: Arc<Mutex<Option<Instant>>>,
}

impl BrokerHealth {
    /// Whether the client is to be given up.
    pub(super) fn is_lost(&self) -> bool {
        self.lost().is_some_and(|since| since.elapsed() > PATIENCE)
    }

    /// It has found a broker again.
    pub(super) fn found(&self) {
        *self.lost() = None;
    }

    fn lost(&self) -> MutexGuard<'_, Option<Instant>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for BrokerHealth {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.lost().get_or_insert_with(Instant::now);
        }
        // It tries again by itself; who waits for it is told apart from this.
        tracing::warn!(target: "librdkafka", %error, reason);
    }
}

impl ConsumerContext for BrokerHealth {}

/// A client of its own kind, behind the one that is used now.
pub(super) struct ReconnectingClient<C> {
    make: Box<dyn Fn(BrokerHealth) -> KafkaResult<C> + Send + Sync>,
    current: Mutex<Option<(Arc<C>, BrokerHealth)>>,
}

impl<C: Send + Sync + 'static> ReconnectingClient<C> {
    pub(super) fn new(
        make: impl Fn(BrokerHealth) -> KafkaResult<C> + Send + Sync + 'static,
    ) -> Self {
        Self { make: Box::new(make), current: Mutex::default() }
    }

    /// The client. Who holds an old one may finish what is under way.
    pub(super) fn client(&self) -> KafkaResult<Arc<C>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, health)) = &*current
            && !health.is_lost()
        {
            return Ok(Arc::clone(client));
        }
        let health = BrokerHealth::default();
        let client = Arc::new((self.make)(health.clone())?);
        let old = current.replace((Arc::clone(&client), health));
        if let Some(old) = old {
            tracing::warn!("a client of Kafka lost every broker, and was made anew");
            drop_in_background(old);
        }
        Ok(client)
    }
}

/// Drops what may wait for brokers then.
pub(super) fn drop_in_background(client: impl Send + 'static) {
    thread::spawn(move || drop(client));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn all_down(since: Duration) -> BrokerHealth {
        let health = BrokerHealth::default();
        *health.lost() = Instant::now().checked_sub(since);
        health
    }

    #[test]
    fn a_client_that_lost_its_brokers_is_made_anew_after_a_while() {
        let made = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&made);
        let reconnecting_client =
            ReconnectingClient::new(move |_| Ok(count.fetch_add(1, Ordering::Relaxed)));
        for _ in 0..2 {
            assert_eq!(*reconnecting_client.client().unwrap(), 0);
        }
        let lost = |since| {
            reconnecting_client.current.lock().unwrap().as_mut().unwrap().1 = all_down(since)
        };
        lost(PATIENCE / 2);
        assert_eq!(*reconnecting_client.client().unwrap(), 0);
        lost(PATIENCE * 2);
        for _ in 0..2 {
            assert_eq!(*reconnecting_client.client().unwrap(), 1);
        }
    }

    #[test]
    fn only_the_loss_of_every_broker_counts() {
        let health = BrokerHealth::default();
        health.error(KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure), "one");
        assert!(health.lost().is_none());
        health.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "all");
        assert!(health.lost().is_some());
        health.found();
        assert!(health.lost().is_none());
    }
}
