//! The log at level `info`: one line for each request that fails with a server error.

use std::io;
use std::sync::{Arc, Mutex};

use poem::test::TestClient;
use serde_json::Value;
use shared::config::HttpConfig;
use tracing::Level;

use super::support::endpoint;

/// Collects a subscriber's output.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines since the last call.
    fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_server_error_is_logged_once_with_its_request_id_and_cause() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let client = TestClient::new(endpoint(&HttpConfig::default(), None));
    for (path, status, level, cause) in [
        ("/unavailable", 503, "WARN", "the queue is unavailable: connection refused"),
        ("/broken", 500, "ERROR", "password=hunter2"),
        ("/panic", 500, "ERROR", "panic: this is a test"),
    ] {
        let response = client.get(path).send().await.0;
        let id = response.header("x-request-id").unwrap();
        let lines = log.take();
        assert_eq!(lines.len(), 1, "{path}: {lines:?}");
        let line = &lines[0];
        assert_eq!(line["span"]["id"], id, "{line}");
        assert_eq!(line["span"]["route"], path, "{line}");
        assert_eq!(line["status"], status, "{line}");
        assert_eq!(line["level"], level, "{line}");
        assert_eq!(line["cause"], cause, "{line}");
    }
    for path in ["/ping", "/no-such-path", "/teapot"] {
        client.get(path).send().await;
        assert_eq!(log.take(), Vec::<Value>::new(), "{path}");
    }
}
