//! Sends messages to Kafka with `acks=all`, and waits for their delivery.

use std::mem;

use rdkafka::ClientConfig;

use super::delivery::{DeliveringProducer, Delivery, NewMessage};
use super::reconnecting_client::ReconnectingClient;
use super::settings::{MAX_DEAD_LETTER_BYTES, Settings};
use super::{REQUEST_TIMEOUT, check_leader, classify};
use crate::error::Result;
use crate::queue::unavailable;

/// The maximum size of undelivered messages in memory, in KiB. Sending fails while it is reached.
const BUFFER_KBYTES: &str = "65536";

/// About how much of the buffer a single call may fill.
const WINDOW_BYTES: usize = 8 * 1024 * 1024;

/// Sends messages, both records and dead letters.
pub(super) struct MessageSender {
    client: ReconnectingClient<DeliveringProducer>,
}

impl MessageSender {
    /// Creates a sender that delivers messages in any order, and retries each separately.
    ///
    /// `enable.idempotence` is off because it can lose messages: librdkafka treats one success
    /// as the success of every earlier message, but a partition accepts any sequence number from a
    /// producer that it has not seen before. A message that failed just before, while the partition
    /// had no leader, would be acknowledged and lost (confluent-kafka-go#921). Duplicate records
    /// are harmless, and their order is irrelevant.
    pub(super) fn unordered(settings: &Settings) -> Self {
        Self::with_config(config(settings))
    }

    /// Creates a sender that delivers messages in order, with one request in flight.
    pub(super) fn in_order(settings: &Settings) -> Self {
        let mut config = config(settings);
        config.set("max.in.flight.requests.per.connection", "1");
        Self::with_config(config)
    }

    fn with_config(config: ClientConfig) -> Self {
        let create = move |health| DeliveringProducer::new(&config, health);
        Self { client: ReconnectingClient::new(create) }
    }

    /// Checks that this client has found the topic's leader, so that the first message does not
    /// wait for it.
    pub(super) async fn ready(&self, topic: &str) -> Result<()> {
        let client = self.client.client().map_err(classify)?;
        let fetch = move |topic: &str| client.client().fetch_metadata(Some(topic), REQUEST_TIMEOUT);
        check_leader(topic, fetch).await
    }

    /// Sends the messages and waits until all are delivered. If the call is cancelled, some
    /// may still be delivered.
    pub(super) async fn send<'a>(
        &self,
        messages: impl Iterator<Item = NewMessage<'a>> + Send,
    ) -> Result<()> {
        let client = self.client.client().map_err(classify)?;
        let mut window = Vec::new();
        let mut window_bytes = 0;
        for message in messages {
            window_bytes += message.payload.map_or(0, <[u8]>::len);
            window.push(client.send(message).map_err(classify)?);
            if window_bytes > WINDOW_BYTES {
                window_bytes = 0;
                wait_for_delivery(mem::take(&mut window)).await?;
            }
        }
        wait_for_delivery(window).await
    }
}

fn config(settings: &Settings) -> ClientConfig {
    let mut config = settings.client();
    config
        .set("acks", "all")
        // Callers wait for delivery. Messages that arrive during a request share the next one.
        .set("linger.ms", "0")
        // Of the codecs that librdkafka contains, it needs the least time.
        .set("compression.type", "lz4")
        .set("message.timeout.ms", REQUEST_TIMEOUT.as_millis().to_string())
        .set("message.max.bytes", MAX_DEAD_LETTER_BYTES.to_string())
        .set("queue.buffering.max.kbytes", BUFFER_KBYTES);
    config
}

async fn wait_for_delivery(window: Vec<Delivery>) -> Result<()> {
    for delivery in window {
        delivery.await.map_err(unavailable)?.map_err(classify)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::Error;

    #[tokio::test(flavor = "multi_thread")]
    async fn sending_to_a_full_buffer_fails_immediately() {
        let settings = Settings::from_url(&"kafka://127.0.0.1:1/logs".parse().unwrap()).unwrap();
        let sender = MessageSender::unordered(&settings);
        let client = sender.client.client().unwrap();
        let payload = vec![0; 1024 * 1024];
        let message = || NewMessage::to("logs").payload(&payload[..]);
        while client.send(message()).is_ok() {}
        let started = Instant::now();
        let error = sender.send(std::iter::once(message())).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
    }
}
