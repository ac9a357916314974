//! A client of the function, and the queue behind it.

use std::sync::Arc;

use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response};
use serde_json::Value;
use shared::config::HttpConfig;
use shared::http::{BodyLimits, endpoint};
use shared::intake::Limits;
use shared::queue::{self, Producer, Queue};
use shared::{LogEntry, testing::Broken};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

/// The limit on bodies, both as sent and as decompressed.
pub(crate) const MAX_BODY_BYTES: usize = 100_000;

/// The limit on entries as stored.
pub(crate) const MAX_ENTRY_BYTES: usize = 20_000;

/// A queue, and clients of the function that publishes to it.
pub(crate) struct Bulk {
    queue: Queue,
    _folder: TempDir,
}

impl Bulk {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/queue.db", folder.path().display());
        let queue = queue::open(&Url::parse(&url).unwrap()).await.unwrap();
        Self { queue, _folder: folder }
    }

    pub(crate) fn client(&self) -> impl Endpoint<Output = Response> {
        client(self.queue.producer.clone())
    }

    /// Posts the lines to `/_bulk`, and returns the status and the body of the response.
    pub(crate) async fn post(&self, lines: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(Method::POST).uri_str("/_bulk");
        call(&self.client(), request.body(lines.to_owned())).await
    }

    /// Posts lines, checks that all documents are saved, and returns the entries.
    pub(crate) async fn save(&self, lines: &str) -> Vec<LogEntry> {
        let (status, response) = self.post(lines).await;
        assert_eq!(
            (status, &response["errors"]),
            (StatusCode::OK, &Value::Bool(false)),
            "{response}"
        );
        self.entries().await
    }

    /// The entries on the queue.
    pub(crate) async fn entries(&self) -> Vec<LogEntry> {
        let batch = self.queue.consumer.poll().await.unwrap();
        let entries = batch.entries().to_vec();
        self.queue.consumer.commit(batch).await.unwrap();
        entries
    }

    /// Checks that nothing has reached the queue, by saving another entry.
    pub(crate) async fn assert_nothing_was_saved(&self) {
        let entries = self.save("{\"index\":{}}\n{\"message\":\"the only one\"}\n").await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0].message, "the only one");
    }
}

pub(crate) fn client(queue: Arc<dyn Producer>) -> impl Endpoint<Output = Response> {
    let body = BodyLimits::new(MAX_BODY_BYTES, MAX_BODY_BYTES);
    let limits = Limits::new(body, MAX_ENTRY_BYTES);
    let functions = vec![bulk::function(queue, limits)];
    let config = HttpConfig::default();
    endpoint(functions, &config, None, &CancellationToken::new()).unwrap()
}

/// A client of a function while its queue is down.
pub(crate) fn client_without_queue() -> impl Endpoint<Output = Response> {
    client(Arc::new(Broken))
}

/// Sends a request, and returns the status and the JSON of the response.
pub(crate) async fn call(
    client: &impl Endpoint<Output = Response>,
    request: Request,
) -> (StatusCode, Value) {
    let response = send(client, request).await;
    (response.status(), response.into_body().into_json().await.unwrap())
}

/// Sends a request, and checks the header that all responses have in common.
pub(crate) async fn send(client: &impl Endpoint<Output = Response>, request: Request) -> Response {
    let response = client.get_response(request).await;
    assert_eq!(response.header("x-elastic-product"), Some("Elasticsearch"));
    response
}
