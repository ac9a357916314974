use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::super::*;
use super::imitation;
use crate::query::Condition;
use crate::testing::entry;

/// The indexes of one day of this release and of three days of an earlier one, a rebuilt index, and
/// an index that is not a day's.
const INDEXES: &str = r#"{
    "logs-2026.11.24": {"mappings":{"_meta":{"attributes_max":0}},"settings":{"index":{"uuid":"a"}}},
    "logs-2026.11.23-1": {"mappings":{"_meta":{"attributes_max":200}}},
    "logs-2026.11.22": {"settings":{"index":{"uuid":"b"}}},
    "logs-2026.11.9": {"settings":{"index":{"uuid":"c"}}},
    "logs-2025.12.31": {"mappings":{},"settings":{"index":{"uuid":"d"}}},
    "logs-2026.01.02": {"settings":{"index":{"uuid":"e"}}}
}"#;

const NO_HITS: &str =
    r#"{"_shards":{"total":1,"successful":1},"hits":{"total":{"value":0},"hits":[]}}"#;

/// An index on a server that lists these indexes.
async fn listing(indexes: &'static str) -> OpenSearchIndex {
    let url = imitation(move |request| {
        let body = match request.split(['?', ' ']).nth(1).unwrap() {
            "/logs-*" => indexes,
            "/logs-*/_search" => NO_HITS,
            "/_bulk" => r#"{"items":[{"create":{"status":201}}]}"#,
            path if path.ends_with("/_mapping") => r#"{"logs":{"mappings":{}}}"#,
            _ => "{}",
        };
        (200, body.to_owned())
    });
    OpenSearchIndex::open(&url.await).unwrap()
}

/// The captured log output.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `action` logs.
async fn logged(action: impl Future<Output = ()>) -> Vec<String> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    action.await;
    drop(guard);
    let log = log.0.lock().unwrap().clone();
    String::from_utf8(log).unwrap().lines().map(str::to_owned).collect()
}

async fn search(index: &OpenSearchIndex) {
    let everything = SearchQuery::new(Condition::everything(), 10);
    assert_eq!(index.search(&everything).await.unwrap().total, 0);
}

async fn add(index: &OpenSearchIndex) {
    assert_eq!(index.add(&[entry("m")]).await.unwrap(), []);
}

const WARNING: &str = "an earlier release created the indexes of some days, in which searches by \
    text find no entries; run `consumer reindex --from 2025-12-31 --to 2026-11-22` days=3";

#[tokio::test]
async fn the_first_search_or_write_warns_about_indexes_of_earlier_releases() {
    let index = listing(INDEXES).await;
    let lines = logged(async { search(&index).await }).await;
    assert!(lines.len() == 1 && lines[0].ends_with(WARNING), "{lines:?}");
    assert_eq!(logged(async { add(&index).await }).await, [""; 0]);

    let index = listing(INDEXES).await;
    let lines = logged(async { add(&index).await }).await;
    assert!(lines.len() == 1 && lines[0].ends_with(WARNING), "{lines:?}");
    assert_eq!(logged(async { search(&index).await }).await, [""; 0]);
}

#[tokio::test]
async fn indexes_of_this_release_cause_no_warning() {
    let index = listing(r#"{"logs-2026.11.24":{"mappings":{"_meta":{}}}}"#).await;
    assert_eq!(logged(async { search(&index).await }).await, [""; 0]);
}

#[tokio::test]
async fn a_check_for_earlier_releases_that_fails_does_not_fail_the_search() {
    let index = listing("[]").await;
    let lines = logged(async { search(&index).await }).await;
    assert!(lines.len() == 1 && lines[0].contains("cannot check"), "{lines:?}");
    assert_eq!(logged(async { search(&index).await }).await, [""; 0]);
}
