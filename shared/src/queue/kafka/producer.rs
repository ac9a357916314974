//! The Kafka producer: a record is published once every in-sync replica has it.

use std::sync::Arc;

use async_trait::async_trait;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use tokio::time::timeout;

use super::REQUEST_TIMEOUT;
use super::message_sender::MessageSender;
use super::settings::Settings;
use super::topics::Topics;
use crate::error::{Ready, Result};
use crate::queue::{Producer, Record, unavailable};
use crate::trace::TRACEPARENT;

/// The [`Producer`] for a Kafka topic.
pub(super) struct KafkaProducer {
    settings: Arc<Settings>,
    topics: Arc<Topics>,
    sender: MessageSender,
}

impl KafkaProducer {
    pub(super) fn new(settings: &Arc<Settings>, topics: &Arc<Topics>) -> Self {
        let sender = MessageSender::unordered(settings);
        Self { settings: Arc::clone(settings), topics: Arc::clone(topics), sender }
    }

    async fn publish_all(&self, records: &[Record]) -> Result<()> {
        self.topics.ensure().await?;
        let topic = &self.settings.topic;
        let messages = records.iter().map(|record| message(topic, record));
        self.sender.send(messages).await
    }
}

#[async_trait]
impl Ready for KafkaProducer {
    async fn ready(&self) -> Result<()> {
        let check = async {
            self.topics.ensure().await?;
            self.sender.ready(&self.settings.topic).await
        };
        timeout(REQUEST_TIMEOUT, check).await.map_err(unavailable)?
    }
}

#[async_trait]
impl Producer for KafkaProducer {
    async fn publish(&self, records: Vec<Record>) -> Result<()> {
        timeout(REQUEST_TIMEOUT, self.publish_all(&records)).await.map_err(unavailable)?
    }
}

fn message<'a>(topic: &'a str, record: &'a Record) -> FutureRecord<'a, (), [u8]> {
    let message = FutureRecord::to(topic).payload(record.as_bytes());
    let Some(trace) = record.trace() else { return message };
    let trace = trace.to_string();
    message.headers(OwnedHeaders::new().insert(Header { key: TRACEPARENT, value: Some(&trace) }))
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
    async fn publishing_fails_in_time_while_the_broker_is_down_and_then_recovers() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("logs", 3, 1).unwrap();
        let url = format!("kafka://{}/logs", cluster.bootstrap_servers());
        let settings = Arc::new(Settings::from_url(&url.parse().unwrap()).unwrap());
        let topics = Arc::new(Topics::already_created(Arc::clone(&settings)));
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
}
