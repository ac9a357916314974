//! A client of the function, the queue that it publishes to, and requests in protobuf.

use std::sync::Arc;

use poem::Endpoint;
use poem::test::{TestClient, TestResponse};
use shared::LogEntry;
use shared::config::HttpConfig;
use shared::http::{BodyLimits, endpoint};
use shared::intake::Limits;
use shared::protobuf::{push_bytes, push_varint};
use shared::queue::{self, Producer, Queue};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

pub(crate) const PATH: &str = "/loki/api/v1/push";
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// The maximum size of a body as sent, of a decompressed body, and of the labels of all entries.
pub(crate) const MAX_BYTES: usize = 100_000;

/// The maximum size of an entry.
pub(crate) const MAX_ENTRY_BYTES: usize = 10_000;

/// A queue in a temporary folder, which is deleted when the fixture is dropped.
pub(crate) struct Fixture {
    pub(crate) queue: Queue,
    _folder: TempDir,
}

impl Fixture {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/queue.db", folder.path().display());
        let queue = queue::open(&Url::parse(&url).unwrap()).await.unwrap();
        Self { queue, _folder: folder }
    }

    /// Sends a request that must be accepted. Returns the entries on the queue.
    pub(crate) async fn push(&self, media_type: &str, body: impl Into<Vec<u8>>) -> Vec<LogEntry> {
        let response = send(self.queue.producer.clone(), media_type, body).await;
        response.assert_status(poem::http::StatusCode::NO_CONTENT);
        response.assert_text("").await;
        self.queue.consumer.poll().await.unwrap().entries().to_vec()
    }
}

pub(crate) fn client(queue: Arc<dyn Producer>) -> TestClient<impl Endpoint> {
    let limits = Limits::new(BodyLimits::new(MAX_BYTES, MAX_BYTES), MAX_ENTRY_BYTES);
    let functions = vec![loki::function(queue, limits)];
    let config = HttpConfig::default();
    TestClient::new(endpoint(functions, &config, None, &CancellationToken::new()).unwrap())
}

pub(crate) async fn send(
    queue: Arc<dyn Producer>,
    media_type: &str,
    body: impl Into<Vec<u8>>,
) -> TestResponse {
    client(queue).post(PATH).content_type(media_type).body(body.into()).send().await
}

/// A length-delimited protobuf field: a string, bytes or a message.
pub(crate) fn field(number: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut field = Vec::new();
    push_bytes(&mut field, number, content.as_ref());
    field
}

/// An integer field in the protobuf wire format.
pub(crate) fn number(number: u64, value: u64) -> Vec<u8> {
    let mut field = Vec::new();
    push_varint(&mut field, number, value);
    field
}

/// An entry with a time of `seconds` and `nanos` since 1970.
pub(crate) fn entry(
    seconds: u64,
    nanos: u64,
    line: impl AsRef<[u8]>,
    metadata: &[(&str, &str)],
) -> Vec<u8> {
    let time = [number(1, seconds), number(2, nanos)].concat();
    let pair = |(name, value): &(&str, &str)| field(3, [field(1, name), field(2, value)].concat());
    let metadata: Vec<u8> = metadata.iter().flat_map(pair).collect();
    [field(1, time), field(2, line), metadata].concat()
}

/// A request with one stream.
pub(crate) fn request(labels: &str, entries: &[Vec<u8>]) -> Vec<u8> {
    let entries: Vec<u8> = entries.iter().flat_map(|entry| field(2, entry)).collect();
    field(1, [field(1, labels), entries].concat())
}

pub(crate) fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}
