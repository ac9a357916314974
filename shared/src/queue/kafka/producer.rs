//! The Kafka producer: a record is published once every in-sync replica has it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::timeout;

use super::REQUEST_TIMEOUT;
use super::message_sender::MessageSender;
use super::settings::Settings;
use super::shared_messages::{FULL_BYTES, SharedMessages, message};
use super::topics::Topics;
use crate::error::{Ready, Result};
use crate::queue::{Producer, Record, unavailable};

/// The [`Producer`] for a Kafka topic.
pub(super) struct KafkaProducer {
    settings: Arc<Settings>,
    topics: Arc<Topics>,
    sender: Arc<MessageSender>,
    shared: SharedMessages,
}

impl KafkaProducer {
    pub(super) fn new(settings: &Arc<Settings>, topics: &Arc<Topics>) -> Self {
        let sender = Arc::new(MessageSender::unordered(settings));
        let shared = SharedMessages::new(&settings.topic, Arc::clone(&sender));
        Self { settings: Arc::clone(settings), topics: Arc::clone(topics), sender, shared }
    }

    async fn publish_all(&self, records: Vec<Record>) -> Result<()> {
        self.topics.ensure().await?;
        let bytes: usize = records.iter().map(|record| record.as_bytes().len()).sum();
        if bytes < FULL_BYTES {
            return self.shared.send(records).await;
        }
        let topic = &self.settings.topic;
        let messages = records
            .iter()
            .map(|record| message(topic, record.as_bytes(), record.trace().as_slice()));
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
        timeout(REQUEST_TIMEOUT, self.publish_all(records)).await.map_err(unavailable)?
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::Error;

    /// A producer for a topic of the cluster, and its topics.
    fn producer(
        cluster: &MockCluster<'_, impl rdkafka::ClientContext>,
    ) -> (KafkaProducer, Arc<Topics>) {
        cluster.create_topic("logs", 3, 1).unwrap();
        let url = format!("kafka://{}/logs", cluster.bootstrap_servers());
        let settings = Arc::new(Settings::from_url(&url.parse().unwrap()).unwrap());
        let topics = Arc::new(Topics::already_created(Arc::clone(&settings)));
        let producer = KafkaProducer::new(&settings, &topics);
        (producer, topics)
    }

    fn record() -> Vec<Record> {
        vec![Record::from_bytes(b"record"[..].into())]
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn publishing_fails_in_time_while_the_broker_is_down_and_then_recovers() {
        let cluster = MockCluster::new(1).unwrap();
        let (producer, _) = producer(&cluster);
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

    /// Publishes this number of records of a size concurrently. Returns the number of messages.
    async fn messages_of(requests: usize, record_bytes: usize) -> i64 {
        let cluster = MockCluster::new(1).unwrap();
        let (producer, topics) = producer(&cluster);
        let record = Record::from_bytes(vec![b'x'; record_bytes].into());
        let requests = (0..requests).map(|_| producer.publish(vec![record.clone()]));
        for published in futures_util::future::join_all(requests).await {
            published.unwrap();
        }
        // The first attempts may time out, because the client has just been created.
        let end = move |partition| {
            (0..20).find_map(|_| Some(topics.watermarks(partition).ok()?.1)).unwrap()
        };
        tokio::task::spawn_blocking(move || (0..3).map(end).sum()).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn concurrent_requests_share_messages() {
        let messages = messages_of(200, 100).await;
        assert!((1..50).contains(&messages), "{messages}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_shared_message_has_a_maximum_size() {
        let messages = messages_of(100, FULL_BYTES - 1).await;
        assert!((50..=100).contains(&messages), "{messages}");
    }
}
