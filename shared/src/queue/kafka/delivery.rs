//! A librdkafka producer, and the thread on which it reports deliveries.
//!
//! The producers of rdkafka that have such a thread let it poll for 100 ms at a time. Because
//! librdkafka counts in milliseconds, each poll ends with a busy wait of up to one, also
//! in an idle process. Here, a poll takes a second; deliveries do not wait for its end.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::Client;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use tokio::sync::oneshot;

use super::broker_health::BrokerHealth;

const POLL_TIMEOUT: Duration = Duration::from_secs(1);

/// A message without a key.
pub(super) type NewMessage<'a> = BaseRecord<'a, (), [u8]>;

/// Receives whether a message was delivered.
pub(super) type Delivery = oneshot::Receiver<KafkaResult<()>>;

/// A producer. After it has been dropped, its thread ends with the next poll.
pub(super) struct DeliveringProducer(Arc<BaseProducer<BrokerHealth>>);

impl DeliveringProducer {
    pub(super) fn new(config: &ClientConfig, health: BrokerHealth) -> KafkaResult<Self> {
        let producer = Arc::new(config.create_with_context(health)?);
        let polled = Arc::downgrade(&producer);
        thread::spawn(move || {
            while let Some(producer) = polled.upgrade() {
                BaseProducer::poll(&producer, POLL_TIMEOUT);
            }
        });
        Ok(Self(producer))
    }

    pub(super) fn client(&self) -> &Client<BrokerHealth> {
        self.0.client()
    }

    /// Puts a message into the buffer.
    ///
    /// # Errors
    /// When the buffer is full, or the message is invalid.
    pub(super) fn send(&self, message: NewMessage<'_>) -> KafkaResult<Delivery> {
        let (reply, delivery) = oneshot::channel();
        let NewMessage { topic, partition, payload, key, timestamp, headers, .. } = message;
        let delivery_opaque = Box::new(reply);
        let record =
            BaseRecord { topic, partition, payload, key, timestamp, headers, delivery_opaque };
        self.0.send(record).map_err(|(error, _)| error)?;
        Ok(delivery)
    }
}

impl ProducerContext for BrokerHealth {
    type DeliveryOpaque = Box<oneshot::Sender<KafkaResult<()>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, reply: Self::DeliveryOpaque) {
        let result = result.as_ref().map(drop).map_err(|(error, _)| error.clone());
        // The caller may no longer wait.
        let _ = reply.send(result);
    }
}
