//! The queue on Kafka: a topic of records and a topic of dead letters.
//! Clients connect on first use, so that a function can start without a broker.

mod broker_health;
mod consumer;
mod dead_letters;
mod delivery;
mod follower;
mod group_context;
mod group_poller;
mod lag;
mod message_sender;
mod producer;
mod reconnecting_client;
mod settings;
mod shared_messages;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use tokio::task::spawn_blocking;
use url::Url;

use super::{Queue, unavailable};
use crate::config::ConfigError;
use crate::error::{Error, Result};
use consumer::KafkaConsumer;
use dead_letters::KafkaDeadLetters;
use follower::KafkaFollower;
use producer::KafkaProducer;
use settings::Settings;
use topics::Topics;

/// How long a broker may take to respond. The limit leaves the proxy time to retry on another
/// replica.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the queue at `kafka://host:port/topic?…` without connecting to a broker.
pub(super) fn open(url: &Url) -> std::result::Result<Queue, ConfigError> {
    let settings = Arc::new(Settings::from_url(url)?);
    let topics = Arc::new(Topics::new(Arc::clone(&settings)));
    Ok(Queue {
        producer: Arc::new(KafkaProducer::new(&settings, &topics)),
        consumer: Arc::new(KafkaConsumer::new(&settings, &topics)),
        follower: Arc::new(KafkaFollower::new(&settings, &topics)),
        dead_letters: Arc::new(KafkaDeadLetters::new(&settings, &topics)),
    })
}

/// Kafka permanently rejects only messages that are too large. Any other error may be transient.
fn classify(error: KafkaError) -> Error {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => Error::rejected("queue", error),
        _ => unavailable(error),
    }
}

/// Checks that at least one partition of the topic has a leader, according to a client's metadata.
async fn check_leader(
    topic: &str,
    fetch_metadata: impl FnOnce(&str) -> KafkaResult<Metadata> + Send + 'static,
) -> Result<()> {
    let name = topic.to_owned();
    let fetched = spawn_blocking(move || fetch_metadata(&name));
    let metadata = fetched.await.map_err(unavailable)?.map_err(classify)?;
    let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    if partitions.any(|partition| partition.leader() >= 0) {
        return Ok(());
    }
    Err(unavailable(format!("topic {topic} has no leader")))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::Timestamp;
    use crate::queue::{self, DeadLetter, Record, Start};

    /// No broker listens on this port.
    const NO_BROKER: &str = "kafka://127.0.0.1:1/logs";

    async fn open_url(url: &str) -> anyhow::Result<Queue> {
        queue::open(&url.parse().unwrap()).await
    }

    async fn assert_unavailable<T>(name: &str, operation: impl Future<Output = Result<T>>) {
        let started = Instant::now();
        let Err(error) = operation.await else { panic!("{name} succeeded") };
        let elapsed = started.elapsed();
        assert!(matches!(error, Error::Unavailable { service: "queue", .. }), "{name}: {error:?}");
        assert!(elapsed < Duration::from_secs(3), "{name}: {elapsed:?}");
    }

    fn dead_letter() -> DeadLetter {
        DeadLetter {
            line: b"line".to_vec(),
            reason: "reason".to_owned(),
            source: queue::Position { partition: 0, offset: 0 },
            time: Timestamp::now(),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_a_broker_opening_succeeds_and_operations_fail_in_time() {
        let queue = open_url(NO_BROKER).await.unwrap();
        let record = Record::from_bytes(b"record"[..].into());
        assert_unavailable("publish", queue.producer.publish(vec![record])).await;
        assert_unavailable("poll", queue.consumer.poll()).await;
        assert_unavailable("follow", queue.follower.follow(Start::Now)).await;
        assert_unavailable("write", queue.dead_letters.write(&[dead_letter()])).await;
        assert_unavailable("list", queue.dead_letters.list(0, 10)).await;
        assert_unavailable("purge", queue.dead_letters.purge(1)).await;
        assert_unavailable("ready", queue.producer.ready()).await;
        assert_unavailable("ready", queue.consumer.ready()).await;
        assert_unavailable("ready", queue.dead_letters.ready()).await;
        let started = Instant::now();
        drop(queue);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_a_broker_many_concurrent_publishes_fail_in_time() {
        let queue = open_url(NO_BROKER).await.unwrap();
        let record = Record::from_bytes(b"record"[..].into());
        let publish =
            || assert_unavailable("publish", queue.producer.publish(vec![record.clone()]));
        futures_util::future::join_all((0..50).map(|_| publish())).await;
    }

    #[tokio::test]
    async fn the_error_for_an_invalid_url_names_the_invalid_part() {
        for (url, part) in [
            ("kafka://localhost", "topic"),
            ("kafka://localhost/a/b", "topic"),
            ("kafka:///logs", "broker"),
            ("kafka://me:secret@localhost/logs", "user"),
            ("kafka://localhost/logs?size=1", "\"size\""),
            ("kafka://localhost/logs?partitions=0", "partitions"),
            ("kafka://localhost/logs?replication=many", "replication"),
            ("kafka://localhost/logs?retention_hours=-1", "retention_hours"),
            ("kafka://localhost/logs?group=", "group"),
        ] {
            let Err(error) = open_url(url).await else { panic!("{url} was accepted") };
            let error = format!("{error:#}");
            assert!(error.contains("QUEUE_URL") && error.contains(part), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
