//! The queue on Kafka: a topic of records, and one of dead letters.
//! Nothing is asked of a broker before it is needed, so that a function starts without one.

mod consumer;
mod dead_letters;
mod member;
mod producer;
mod reconnecting_client;
mod settings;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use tokio::task::spawn_blocking;
use url::Url;

use super::Queue;
use crate::config::ConfigError;
use crate::error::{Error, Result, Source};
use consumer::KafkaConsumer;
use dead_letters::KafkaDeadLetters;
use producer::KafkaProducer;
use settings::Settings;
use topics::Topics;

/// A broker that has not answered in this time is away; the proxy tries elsewhere then.
const ANSWER: Duration = Duration::from_secs(2);

/// Makes the queue at `kafka://host:port/topic?…`. No broker is asked yet.
pub(super) fn open(url: &Url) -> std::result::Result<Queue, ConfigError> {
    let settings = Arc::new(Settings::of(url)?);
    let topics = Arc::new(Topics::new(Arc::clone(&settings)));
    Ok(Queue {
        producer: Arc::new(KafkaProducer::new(&settings, &topics)),
        consumer: Arc::new(KafkaConsumer::new(&settings, &topics)),
        dead_letters: Arc::new(KafkaDeadLetters::new(&settings, &topics)),
    })
}

/// What Kafka will never take is rejected; with everything else, the next try may go well.
fn failed(error: KafkaError) -> Error {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => Error::rejected("queue", error),
        _ => unavailable(error),
    }
}

fn unavailable(source: impl Into<Source>) -> Error {
    Error::unavailable("queue", source)
}

/// Answers when a broker says to this client that it leads the topic: it is there, and can be used.
async fn led(
    topic: &str,
    ask: impl FnOnce(&str) -> KafkaResult<Metadata> + Send + 'static,
) -> Result<()> {
    let name = topic.to_owned();
    let asked = spawn_blocking(move || ask(&name));
    let metadata = asked.await.map_err(unavailable)?.map_err(unavailable)?;
    let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    if partitions.any(|partition| partition.leader() >= 0) {
        return Ok(());
    }
    Err(unavailable(format!("the topic {topic} has no broker that leads it")))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::Timestamp;
    use crate::queue::{self, DeadLetter, Record};

    /// Nobody listens there.
    const NOBODY: &str = "kafka://127.0.0.1:1/logs";

    async fn opened(url: &str) -> anyhow::Result<Queue> {
        queue::open(&url.parse().unwrap()).await
    }

    async fn is_unavailable<T>(what: &str, asked: impl Future<Output = crate::error::Result<T>>) {
        let started = Instant::now();
        let Err(error) = asked.await else { panic!("{what} was answered") };
        let taken = started.elapsed();
        assert!(matches!(error, Error::Unavailable { service: "queue", .. }), "{what}: {error:?}");
        assert!(taken < Duration::from_secs(3), "{what}: {taken:?}");
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
    async fn a_broker_that_is_away_hinders_no_start_and_every_answer_says_so_in_time() {
        let queue = opened(NOBODY).await.unwrap();
        let record = Record::from_bytes(b"record"[..].into());
        is_unavailable("publish", queue.producer.publish(vec![record])).await;
        is_unavailable("poll", queue.consumer.poll()).await;
        is_unavailable("write", queue.dead_letters.write(&[dead_letter()])).await;
        is_unavailable("list", queue.dead_letters.list(0, 10)).await;
        is_unavailable("purge", queue.dead_letters.purge(1)).await;
        is_unavailable("ready", queue.producer.ready()).await;
        is_unavailable("ready", queue.consumer.ready()).await;
        is_unavailable("ready", queue.dead_letters.ready()).await;
        let started = Instant::now();
        drop(queue);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_publishers_without_a_broker_are_all_told_in_time() {
        let queue = opened(NOBODY).await.unwrap();
        let record = Record::from_bytes(b"record"[..].into());
        let publish = || is_unavailable("publish", queue.producer.publish(vec![record.clone()]));
        futures_util::future::join_all((0..50).map(|_| publish())).await;
    }

    #[tokio::test]
    async fn a_wrong_url_is_named() {
        for (url, what) in [
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
            let Err(error) = opened(url).await else { panic!("{url} was taken") };
            let error = format!("{error:#}");
            assert!(error.contains("QUEUE_URL") && error.contains(what), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
