//! The writing end on Kafka: a record is published when every replica that is in sync has it.

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use tokio::time::timeout;

use super::reconnecting_client::{BrokerHealth, ReconnectingClient};
use super::settings::{MAX_DEAD_LETTER_BYTES, Settings};
use super::topics::Topics;
use super::{ANSWER, failed, led, unavailable};
use crate::error::{Ready, Result};
use crate::queue::{Producer, Record};
use crate::trace::TRACEPARENT;

/// How much of what is to be written is held in memory, in KiB. Beyond it, the queue is full.
const GATHER_KBYTES: &str = "65536";

/// How much of that a single caller takes at a time, in bytes.
const WINDOW_BYTES: usize = 8 * 1024 * 1024;

/// `publish` on Kafka.
pub(super) struct KafkaProducer {
    settings: Arc<Settings>,
    topics: Arc<Topics>,
    sender: Sender,
}

impl KafkaProducer {
    pub(super) fn new(settings: &Arc<Settings>, topics: &Arc<Topics>) -> Self {
        let sender = Sender::new(settings);
        Self { settings: Arc::clone(settings), topics: Arc::clone(topics), sender }
    }

    async fn publish_all(&self, records: &[Record]) -> Result<()> {
        self.topics.ensure().await?;
        let topic = &self.settings.topic;
        let messages = records.iter().map(|record| message(topic, record));
        self.sender.deliver(messages).await
    }
}

#[async_trait]
impl Ready for KafkaProducer {
    async fn ready(&self) -> Result<()> {
        let topic = &self.settings.topic;
        let asked = async {
            self.topics.ensure().await?;
            self.sender.ready(topic).await
        };
        timeout(ANSWER, asked).await.map_err(unavailable)?
    }
}

#[async_trait]
impl Producer for KafkaProducer {
    async fn publish(&self, records: Vec<Record>) -> Result<()> {
        timeout(ANSWER, self.publish_all(&records)).await.map_err(unavailable)?
    }
}

/// Delivers messages.
pub(super) struct Sender {
    client: ReconnectingClient<FutureProducer<BrokerHealth>>,
}

impl Sender {
    /// Messages come in any order: each is sent again by itself until it is there.
    ///
    /// Not `enable.idempotence`: librdkafka takes a success for that of everything sent before, but
    /// a partition that sees a producer for the first time takes whatever comes first. What it
    /// refused just before, having no leader yet, would be acknowledged and lost
    /// (confluent-kafka-go#921). Twice the same record changes nothing, and its order means nothing.
    pub(super) fn new(settings: &Settings) -> Self {
        Self::of(Self::config(settings))
    }

    /// Messages come in the order in which they were given: one request at a time.
    pub(super) fn in_order(settings: &Settings) -> Self {
        let mut config = Self::config(settings);
        config.set("max.in.flight.requests.per.connection", "1");
        Self::of(config)
    }

    fn config(settings: &Settings) -> ClientConfig {
        let mut config = settings.client();
        config
            .set("acks", "all")
            // Who publishes waits for the answer: what comes meanwhile is sent together anyway.
            .set("linger.ms", "0")
            .set("message.timeout.ms", ANSWER.as_millis().to_string())
            .set("message.max.bytes", MAX_DEAD_LETTER_BYTES.to_string())
            .set("queue.buffering.max.kbytes", GATHER_KBYTES);
        config
    }

    fn of(config: ClientConfig) -> Self {
        Self { client: ReconnectingClient::new(move |health| config.create_with_context(health)) }
    }

    /// Answers when this client, too, has found a broker: the first message need not wait for that.
    async fn ready(&self, topic: &str) -> Result<()> {
        let client = self.client.client().map_err(failed)?;
        led(topic, move |topic| client.client().fetch_metadata(Some(topic), ANSWER)).await
    }

    /// Answers when every message is delivered. They may be although this is cancelled.
    pub(super) async fn deliver<'a>(
        &self,
        messages: impl Iterator<Item = FutureRecord<'a, (), [u8]>> + Send,
    ) -> Result<()> {
        let client = self.client.client().map_err(failed)?;
        let mut window = Vec::new();
        let mut window_bytes = 0;
        for message in messages {
            window_bytes += message.payload.map_or(0, <[u8]>::len);
            window.push(client.send_result(message).map_err(|(error, _)| failed(error))?);
            if window_bytes > WINDOW_BYTES {
                window_bytes = 0;
                delivered(mem::take(&mut window)).await?;
            }
        }
        delivered(window).await
    }
}

fn message<'a>(topic: &'a str, record: &'a Record) -> FutureRecord<'a, (), [u8]> {
    let message = FutureRecord::to(topic).payload(record.as_bytes());
    let Some(trace) = record.trace() else { return message };
    let trace = trace.to_string();
    message.headers(OwnedHeaders::new().insert(Header { key: TRACEPARENT, value: Some(&trace) }))
}

async fn delivered(window: Vec<DeliveryFuture>) -> Result<()> {
    for delivery in window {
        delivery.await.map_err(unavailable)?.map_err(|(error, _)| failed(error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::Error;

    fn record() -> Vec<Record> {
        vec![Record::from_bytes(b"record"[..].into())]
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn while_the_broker_is_away_publishing_fails_in_time_and_goes_on_when_it_is_back() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("logs", 3, 1).unwrap();
        let url = format!("kafka://{}/logs", cluster.bootstrap_servers());
        let settings = Arc::new(Settings::of(&url.parse().unwrap()).unwrap());
        let topics = Arc::new(Topics::already_made(Arc::clone(&settings)));
        let producer = KafkaProducer::new(&settings, &topics);
        producer.publish(record()).await.unwrap();
        cluster.broker_down(1).unwrap();
        for _ in 0..3 {
            let started = Instant::now();
            let error = producer.publish(record()).await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
            assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
        }
        cluster.broker_up(1).unwrap();
        let started = Instant::now();
        while let Err(error) = producer.publish(record()).await {
            assert!(started.elapsed() < Duration::from_secs(15), "{error:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_queue_is_told_at_once() {
        let settings = Settings::of(&"kafka://127.0.0.1:1/logs".parse().unwrap()).unwrap();
        let sender = Sender::new(&settings);
        let client = sender.client.client().unwrap();
        let payload = vec![0; 1024 * 1024];
        let message = || FutureRecord::<(), [u8]>::to("logs").payload(&payload);
        while client.send_result(message()).is_ok() {}
        let message = FutureRecord::to("logs").payload(&payload[..]);
        let started = Instant::now();
        let error = sender.deliver(std::iter::once(message)).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
    }
}
