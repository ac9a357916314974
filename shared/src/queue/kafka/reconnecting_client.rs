//! A Kafka client that is created on first use, and recreated after it has lost every broker.
//!
//! If the cluster metadata is briefly empty, librdkafka drops its known brokers and never
//! reconnects (confluentinc/librdkafka#5301). A new client starts from the configured brokers.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rdkafka::error::KafkaResult;

use super::broker_health::BrokerHealth;

/// A factory for Kafka clients, and the client in use.
pub(super) struct ReconnectingClient<C> {
    create: Box<dyn Fn(BrokerHealth) -> KafkaResult<C> + Send + Sync>,
    current: Mutex<Option<(Arc<C>, BrokerHealth)>>,
}

impl<C: Send + Sync + 'static> ReconnectingClient<C> {
    pub(super) fn new(
        create: impl Fn(BrokerHealth) -> KafkaResult<C> + Send + Sync + 'static,
    ) -> Self {
        Self { create: Box::new(create), current: Mutex::default() }
    }

    /// Returns the client in use. Callers can finish their operations on a client that
    /// has since been replaced.
    pub(super) fn client(&self) -> KafkaResult<Arc<C>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, health)) = &*current
            && !health.is_lost()
        {
            return Ok(Arc::clone(client));
        }
        let health = BrokerHealth::default();
        let client = Arc::new((self.create)(health.clone())?);
        let replaced = current.replace((Arc::clone(&client), health));
        if let Some(replaced) = replaced {
            tracing::warn!("recreated a Kafka client that had lost every broker");
            drop_in_background(replaced);
        }
        Ok(client)
    }
}

/// Drops a client on a separate thread, because its destructor may wait for brokers.
pub(super) fn drop_in_background(client: impl Send + 'static) {
    thread::spawn(move || drop(client));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::broker_health::RECONNECT_TIMEOUT;
    use super::*;

    #[test]
    fn a_client_that_lost_every_broker_is_recreated() {
        let created = AtomicU32::new(0);
        let reconnecting =
            ReconnectingClient::new(move |_| Ok(created.fetch_add(1, Ordering::Relaxed)));
        let set_health = |health| reconnecting.current.lock().unwrap().as_mut().unwrap().1 = health;
        for _ in 0..2 {
            assert_eq!(*reconnecting.client().unwrap(), 0);
        }
        set_health(BrokerHealth::down_for(RECONNECT_TIMEOUT / 2));
        assert_eq!(*reconnecting.client().unwrap(), 0);
        set_health(BrokerHealth::down_for(RECONNECT_TIMEOUT * 2));
        for _ in 0..2 {
            assert_eq!(*reconnecting.client().unwrap(), 1);
        }
    }
}
