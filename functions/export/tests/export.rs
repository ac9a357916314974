//! The function, called without a network.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic fails the test")]

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use poem::http::{HeaderMap, Method, StatusCode, Uri};
use poem::{Endpoint, Request, Response};
use shared::aggregation::{Aggregates, Aggregation};
use shared::config::HttpConfig;
use shared::error::{Error, Ready, Refused, Result};
use shared::http::endpoint;
use shared::index::{self, Index, Snapshot};
use shared::log_entry::Day;
use shared::retention::Class;
use shared::search::{SearchHits, SearchQuery};
use shared::testing::{Broken, EntryBuilder, series};
use shared::{EntryId, LogEntry, Timestamp};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

fn export(index: Arc<dyn Index>) -> impl Endpoint<Output = Response> {
    let functions = vec![export::function(index)];
    endpoint(functions, &HttpConfig::default(), None, &CancellationToken::new()).unwrap()
}

async fn get(
    endpoint: &impl Endpoint<Output = Response>,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut request = Request::builder().method(Method::GET).uri(path.parse::<Uri>().unwrap());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    endpoint.call(request.finish()).await.unwrap()
}

async fn text(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().into_string().await.unwrap()
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

async fn index_of(folder: &TempDir, entries: &[LogEntry]) -> Arc<dyn Index> {
    let url = format!("tantivy://{}/index", folder.path().display());
    let index = index::open(&Url::parse(&url).unwrap()).await.unwrap();
    index.add(entries).await.unwrap();
    index
}

fn entry_of(line: &str) -> LogEntry {
    serde_json::from_str(line).unwrap()
}

/// More entries than fit on one page.
fn many() -> Vec<LogEntry> {
    series(12_001, Timestamp::parse("2024-06-14T12:00:00Z").unwrap())
}

#[tokio::test]
async fn every_entry_is_exported_once_in_order_and_unaltered() {
    let folder = tempfile::tempdir().unwrap();
    let entries = many();
    let endpoint = export(index_of(&folder, &entries).await);
    let response = get(&endpoint, "/logs/export?sort=oldest", &[]).await;
    assert_eq!(header(response.headers(), "content-type"), Some("application/x-ndjson"));
    assert_eq!(header(response.headers(), "vary"), Some("Accept, Accept-Encoding"));
    let exported: Vec<LogEntry> = text(response).await.lines().map(entry_of).collect();
    assert!(exported == entries);

    let newest = text(get(&endpoint, "/logs/export", &[]).await).await;
    let exported: Vec<LogEntry> = newest.lines().rev().map(entry_of).collect();
    assert!(exported == entries);
}

#[tokio::test]
async fn filters_and_limit_select_the_entries() {
    let folder = tempfile::tempdir().unwrap();
    let entries = ["shop", "bank", "shop", "shop"]
        .map(|service| EntryBuilder::new("card declined").service(service).build());
    let endpoint = export(index_of(&folder, &entries).await);
    for (query, expected) in [
        ("", 4),
        ("?service_name=shop", 3),
        ("?service_name=shop&limit=2", 2),
        ("?service_name=shop&limit=3", 3),
        ("?q=declined+-card", 0),
        ("?to=2020-01-01", 0),
    ] {
        let exported = text(get(&endpoint, &format!("/logs/export{query}"), &[]).await).await;
        assert_eq!(exported.lines().count(), expected, "{query}");
    }
}

#[tokio::test]
async fn csv_has_a_header_and_quotes_values_where_necessary() {
    let folder = tempfile::tempdir().unwrap();
    let entry = EntryBuilder::new("a \"b\", c\nd").service("shop").level("error");
    let entry = entry.trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let entry = entry.attributes(r#"{"order":4711}"#).build();
    let endpoint = export(index_of(&folder, std::slice::from_ref(&entry)).await);
    let expected = format!(
        "id,timestamp,level,service_name,message,trace_id,span_id,attributes\r\n\
         {},{},ERROR,shop,\"a \"\"b\"\", c\nd\",4bf92f3577b34da6a3ce929d0e0e4736,00f067aa0ba902b7,\
         \"{{\"\"order\"\":4711}}\"\r\n",
        entry.id, entry.timestamp
    );
    for (path, headers) in [
        ("/logs/export?format=csv", &[][..]),
        ("/logs/export", &[("accept", "text/csv")]),
        ("/logs/export?format=csv", &[("accept", "application/x-ndjson")]),
    ] {
        let response = get(&endpoint, path, headers).await;
        let file = "attachment; filename=\"logs.csv\"";
        assert_eq!(header(response.headers(), "content-type"), Some("text/csv"));
        assert_eq!(header(response.headers(), "content-disposition"), Some(file));
        assert_eq!(text(response).await, expected);
    }
}

#[tokio::test]
async fn an_export_is_compressed_if_the_client_accepts_it() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = export(index_of(&folder, &many()).await);
    let plain = text(get(&endpoint, "/logs/export", &[]).await).await;
    for (accepted, coding) in [("gzip, deflate", "gzip"), ("gzip, zstd", "zstd")] {
        let response = get(&endpoint, "/logs/export", &[("accept-encoding", accepted)]).await;
        assert_eq!(header(response.headers(), "content-encoding"), Some(coding));
        let bytes = response.into_body().into_vec().await.unwrap();
        assert!(bytes.len() < plain.len() / 2, "{coding}: {} bytes", bytes.len());
        let mut exported = String::new();
        let decoded = match coding {
            "gzip" => flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut exported),
            _ => zstd::Decoder::new(&*bytes).unwrap().read_to_string(&mut exported),
        };
        decoded.unwrap();
        assert!(exported == plain, "{coding}");
    }
}

#[tokio::test]
async fn entries_that_arrive_during_an_export_are_not_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let entries = many();
    let index = index_of(&folder, &entries).await;
    let endpoint = export(index.clone());
    let response = get(&endpoint, "/logs/export", &[]).await;
    let later = Timestamp::parse("2024-06-14T12:00:00.000500Z").unwrap();
    index.add(&series(100, later)).await.unwrap();
    assert_eq!(text(response).await.lines().count(), entries.len());
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_export() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = export(index_of(&folder, &many()).await);
    let mut running = Vec::new();
    for _ in 0..4 {
        running.push(get(&endpoint, "/logs/export", &[]).await);
    }
    let refused = get(&endpoint, "/logs/export", &[]).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(refused.headers(), "retry-after"), Some("10"));
    running.pop();
    assert_eq!(get(&endpoint, "/logs/export", &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn invalid_parameters_are_named_with_what_is_allowed() {
    let endpoint = export(Arc::new(Broken));
    for (query, detail) in [
        ("format=xml", "format: must be ndjson or csv"),
        ("sort=relevance", "sort: must be newest or oldest"),
        ("limit=0", "limit: must be a whole number from 1 to 1000000000"),
        ("q=level:", "q: level needs a value"),
    ] {
        let response = get(&endpoint, &format!("/logs/export?{query}"), &[]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        let problem = response.into_body().into_string().await.unwrap();
        assert!(problem.contains(detail), "{problem}");
    }
}

#[tokio::test]
async fn an_index_outage_is_a_503_with_retry_after() {
    let response = get(&export(Arc::new(Broken)), "/logs/export", &[]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(response.headers(), "retry-after"), Some("1"));
}

/// An index whose snapshots are complete for one page, or are being built.
struct Faulty {
    inner: Arc<dyn Index>,
    is_rebuilding: bool,
}

struct FaultySnapshot {
    inner: Box<dyn Snapshot>,
    is_rebuilding: bool,
    pages: AtomicUsize,
}

#[async_trait]
impl Ready for Faulty {
    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Index for Faulty {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        self.inner.add(entries).await
    }

    async fn delete(&self, class: &Class, ids: &[EntryId]) -> Result<()> {
        self.inner.delete(class, ids).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        self.inner.search(query).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(FaultySnapshot {
            inner: self.inner.snapshot().await?,
            is_rebuilding: self.is_rebuilding,
            pages: AtomicUsize::new(0),
        }))
    }

    async fn days(&self, class: &Class) -> Result<BTreeSet<Day>> {
        self.inner.days(class).await
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        self.inner.drop_before(class, first).await
    }
}

#[async_trait]
impl Snapshot for FaultySnapshot {
    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        if self.pages.fetch_add(1, Ordering::Relaxed) > 0 {
            return Err(Error::unavailable("index", "the view has expired"));
        }
        let hits = self.inner.search(query).await?;
        Ok(SearchHits { is_rebuilding: self.is_rebuilding, ..hits })
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Aggregates> {
        self.inner.aggregate(aggregation).await
    }

    async fn attributes(&self) -> Result<Vec<String>> {
        self.inner.attributes().await
    }
}

#[tokio::test]
async fn an_export_that_cannot_be_completed_ends_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let inner = index_of(&folder, &many()).await;
    let endpoint = export(Arc::new(Faulty { inner, is_rebuilding: false }));
    let response = get(&endpoint, "/logs/export", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let error = response.into_body().into_vec().await.unwrap_err();
    assert!(error.to_string().contains("the view has expired"), "{error}");
}

#[tokio::test]
async fn an_index_that_is_being_built_is_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let inner = index_of(&folder, &[]).await;
    let endpoint = export(Arc::new(Faulty { inner, is_rebuilding: true }));
    let response = get(&endpoint, "/logs/export", &[]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(response.headers(), "retry-after"), Some("10"));
}

#[tokio::test]
async fn the_file_is_named_after_the_range_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = export(index_of(&folder, &[]).await);
    for (query, file) in [
        ("", "logs.ndjson"),
        ("?from=2026-11-27T13:05:09Z", "logs-from-2026-11-27T1305Z.ndjson"),
        (
            "?from=2026-11-27T13:05:00%2B01:00&to=2026-11-28&format=csv",
            "logs-from-2026-11-27T1205Z-to-2026-11-28T0000Z.csv",
        ),
    ] {
        let response = get(&endpoint, &format!("/logs/export{query}"), &[]).await;
        let expected = format!("attachment; filename=\"{file}\"");
        let disposition = header(response.headers(), "content-disposition");
        assert_eq!(disposition, Some(expected.as_str()), "{query}");
    }
}
