//! Dead letters on Kafka: a topic with a single partition. A dead letter's sequence number is its
//! offset plus one. The value is the line; headers hold the reason, the source and the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, OwnedHeaders};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

use super::broker_health::BrokerHealth;
use super::delivery::NewMessage;
use super::message_sender::MessageSender;
use super::settings::Settings;
use super::topics::{DEAD_LETTERS_PARTITION, Topics};
use super::{REQUEST_TIMEOUT, classify};
use crate::error::{Ready, Result};
use crate::log_entry::Timestamp;
use crate::queue::{DeadLetter, DeadLetters, Position, unavailable};

const REASON: &str = "reason";
const SOURCE: &str = "source";
const TIME: &str = "time";

/// Longer reasons are truncated, so that a dead letter fits in a message even if its record has the
/// maximum size.
const MAX_REASON_BYTES: usize = 8 * 1024;

/// How long reading a page may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The [`DeadLetters`] in a Kafka topic.
pub(super) struct KafkaDeadLetters {
    settings: Arc<Settings>,
    topics: Arc<Topics>,
    sender: MessageSender,
}

impl KafkaDeadLetters {
    pub(super) fn new(settings: &Arc<Settings>, topics: &Arc<Topics>) -> Self {
        let sender = MessageSender::in_order(settings);
        Self { settings: Arc::clone(settings), topics: Arc::clone(topics), sender }
    }
}

#[async_trait]
impl Ready for KafkaDeadLetters {
    async fn ready(&self) -> Result<()> {
        self.topics.ready(&self.settings.dead_letters).await
    }
}

#[async_trait]
impl DeadLetters for KafkaDeadLetters {
    async fn write(&self, dead_letters: &[DeadLetter]) -> Result<()> {
        self.topics.ensure().await?;
        let topic = &self.settings.dead_letters;
        let messages = dead_letters.iter().map(|dead_letter| {
            NewMessage::to(topic)
                .partition(DEAD_LETTERS_PARTITION)
                .payload(&dead_letter.line[..])
                .headers(headers(dead_letter))
        });
        self.sender.send(messages).await
    }

    async fn list(&self, after: i64, limit: usize) -> Result<Vec<(i64, DeadLetter)>> {
        self.topics.ensure().await?;
        let settings = Arc::clone(&self.settings);
        let listed = spawn_blocking(move || read(&settings, after, limit));
        listed.await.map_err(unavailable)?.map_err(classify)
    }

    async fn purge(&self, up_to: i64) -> Result<()> {
        self.topics.purge_dead_letters(up_to).await
    }
}

fn headers(dead_letter: &DeadLetter) -> OwnedHeaders {
    let reason = &dead_letter.reason[..dead_letter.reason.floor_char_boundary(MAX_REASON_BYTES)];
    let (source, time) = (dead_letter.source.to_string(), dead_letter.time.to_string());
    OwnedHeaders::new()
        .insert(Header { key: REASON, value: Some(reason) })
        .insert(Header { key: SOURCE, value: Some(&source) })
        .insert(Header { key: TIME, value: Some(&time) })
}

/// Reads up to `limit` dead letters with sequence numbers above `after`. Blocks.
fn read(settings: &Settings, after: i64, limit: usize) -> KafkaResult<Vec<(i64, DeadLetter)>> {
    let reader: BaseConsumer<BrokerHealth> =
        reader_config(settings).create_with_context(BrokerHealth::default())?;
    let topic = &settings.dead_letters;
    let (low, high) = reader.fetch_watermarks(topic, DEAD_LETTERS_PARTITION, REQUEST_TIMEOUT)?;
    let mut dead_letters = Vec::new();
    // A sequence number is the offset plus one, so `after` is the first offset to read.
    let mut next = after.max(low);
    let mut start = TopicPartitionList::new();
    start.add_partition_offset(topic, DEAD_LETTERS_PARTITION, Offset::Offset(next))?;
    reader.assign(&start)?;
    let deadline = Instant::now() + READ_TIMEOUT;
    while next < high && dead_letters.len() < limit {
        let remaining = deadline.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
        }
        match reader.poll(remaining) {
            Some(Ok(message)) => {
                next = message.offset() + 1;
                dead_letters.push((next, parse_dead_letter(&message)));
            }
            // A partition may end with offsets that have no message.
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) => tracing::debug!(%error, "reading dead letters failed"),
            None => {}
        }
    }
    Ok(dead_letters)
}

/// A reader's configuration. librdkafka requires a group id, but the reader never joins the group.
fn reader_config(settings: &Settings) -> ClientConfig {
    let mut config = settings.client();
    config
        .set("group.id", format!("{}.dead_letters", settings.group))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        .set("queued.max.messages.kbytes", "4096");
    config
}

/// Parses a message. A message that was produced manually may lack the headers.
fn parse_dead_letter(message: &BorrowedMessage<'_>) -> DeadLetter {
    let header = |key| {
        let mut headers = message.headers()?.iter();
        let value = headers.find(|header| header.key == key)?.value?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let own_position = Position { partition: message.partition(), offset: message.offset() };
    let time = header(TIME).and_then(|time| Timestamp::parse(&time).ok());
    let published = message.timestamp().to_millis().and_then(|millis| millis.checked_mul(1000));
    let published = published.and_then(Timestamp::from_micros);
    DeadLetter {
        line: message.payload().unwrap_or_default().to_vec(),
        reason: header(REASON).unwrap_or_default(),
        source: header(SOURCE).and_then(|text| parse_position(&text)).unwrap_or(own_position),
        time: time.or(published).unwrap_or_else(Timestamp::now),
    }
}

/// Parses `partition/offset`.
fn parse_position(text: &str) -> Option<Position> {
    let (partition, offset) = text.split_once('/')?;
    Some(Position { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_round_trips_through_its_text() {
        let position = Position { partition: 2, offset: 1_234_567_890_123 };
        assert_eq!(parse_position(&position.to_string()), Some(position));
        assert_eq!(parse_position("2"), None);
    }

    #[test]
    fn a_long_reason_is_truncated_between_characters() {
        let dead_letter = DeadLetter {
            line: Vec::new(),
            // The limit falls in the middle of a character.
            reason: format!("x{}", "🦀".repeat(MAX_REASON_BYTES)),
            source: Position { partition: 0, offset: 0 },
            time: Timestamp::now(),
        };
        let headers = headers(&dead_letter);
        let reason = std::str::from_utf8(headers.get(0).value.unwrap()).unwrap();
        assert_eq!(reason, format!("x{}", "🦀".repeat((MAX_REASON_BYTES - 1) / 4)));
    }
}
