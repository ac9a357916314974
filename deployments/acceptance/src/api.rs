//! A LogPulse client for tests. It retries rate-limited requests, and waits until entries are
//! searchable.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::unique;

/// How long a request may take, and how long an entry may take to become searchable.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// How long the consumer may take to read all entries.
const CONSUMPTION_TIMEOUT: Duration = Duration::from_mins(20);

/// The number of entries that mark the end of the queue. Each of its partitions gets one.
const MARKERS: u64 = 30;

/// The number of batches that a consumer writes concurrently.
const CONCURRENT_BATCHES: usize = 5;

/// How long the index may take until it finds what it has added.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// The producer chooses another partition after ten milliseconds.
const MARKER_PAUSE: Duration = Duration::from_millis(15);

/// A client for one deployment.
#[derive(Clone)]
pub struct Api {
    /// The address of all functions without an address of their own.
    default_url: String,
    /// The addresses of separate functions, by name.
    function_urls: HashMap<String, String>,
    /// The underlying HTTP client.
    pub http: Client,
}

impl Api {
    /// Creates a client for a deployment with a single address.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let http = Client::builder().timeout(TIMEOUT).build().unwrap();
        Self { default_url: without_slash(url), function_urls: HashMap::new(), http }
    }

    /// Creates a client for separate functions at these addresses: ingest, get, search, docs.
    #[must_use]
    pub fn for_functions([ingest, get, search, docs]: [&str; 4]) -> Self {
        let api = Self::new(docs).with_function("ingest", ingest);
        api.with_function("get", get).with_function("search", search)
    }

    /// Adds the address of a separate function.
    #[must_use]
    pub fn with_function(mut self, name: &str, url: &str) -> Self {
        self.function_urls.insert(name.to_owned(), without_slash(url));
        self
    }

    /// Returns the URL of a path on the function that serves it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let name = path.split(['?', '#']).next().unwrap_or(path);
        let function = match name {
            "/logs" | "/logs/batch" | "/logs/ndjson" | "/ping" => "ingest",
            "/logs/any" => "any",
            "/logs/search" => "search",
            "/logs/export" => "export",
            "/logs/stats" => "stats",
            "/logs/fields" => "fields",
            "/logs/patterns" => "patterns",
            "/logs/tail" => "tail",
            "/logs/delete" => "delete",
            _ if name.starts_with("/logs/delete/") => "delete",
            "/v1/logs" => "otlp",
            "/" => "explorer",
            _ if name.starts_with("/explorer/") => "explorer",
            _ if name.starts_with("/logs/") && name.ends_with("/context") => "context",
            _ if name.starts_with("/logs/") => "get",
            _ if name.starts_with("/loki/") => "loki",
            _ if name.starts_with("/elastic/") || name.ends_with("/_bulk") => "bulk",
            _ => "docs",
        };
        self.url_of(function, path)
    }

    /// Returns the URL of a path on a function.
    #[must_use]
    pub fn url_of(&self, function: &str, path: &str) -> String {
        let url = self.function_urls.get(function).unwrap_or(&self.default_url);
        format!("{url}{path}")
    }

    /// Sends a body. Panics if there is no response.
    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        self.try_post(path, content_type, body).await.unwrap()
    }

    /// Sends a body.
    ///
    /// # Errors
    /// When there is no response.
    pub async fn try_post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> reqwest::Result<Response> {
        let request = self.http.post(self.url(path));
        self.send(request.header("content-type", content_type).body(body.into())).await
    }

    /// Gets a path. Panics if there is no response.
    pub async fn get(&self, path: &str) -> Response {
        self.send(self.http.get(self.url(path))).await.unwrap()
    }

    /// Sends a request, and repeats it after `Retry-After` while it is rate-limited.
    ///
    /// # Errors
    /// When there is no response.
    pub async fn send(&self, request: RequestBuilder) -> reqwest::Result<Response> {
        loop {
            let response = request
                .try_clone()
                .expect("failed to clone a request with a streaming body")
                .send()
                .await?;
            if response.status() != StatusCode::TOO_MANY_REQUESTS {
                return Ok(response);
            }
            let seconds = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }

    /// Returns the entry with this id. Waits up to ten seconds for it to be stored.
    pub async fn entry(&self, id: &str) -> Option<Value> {
        let request = self.http.get(self.url(&format!("/logs/{id}"))).header("prefer", "wait=10");
        let response = self.send(request).await.unwrap();
        match response.status() {
            StatusCode::OK => Some(response.json().await.unwrap()),
            StatusCode::NOT_FOUND => None,
            status => panic!("{status}: {}", response.text().await.unwrap()),
        }
    }

    /// Returns the entries that exist, keyed by id. Fetches up to eight in parallel.
    pub async fn entries(&self, ids: Vec<String>) -> HashMap<String, Value> {
        let readers: Vec<_> = ids
            .chunks(ids.len().div_ceil(8).max(1))
            .map(|ids| {
                let (api, ids) = (self.clone(), ids.to_vec());
                tokio::spawn(async move {
                    let mut found = Vec::new();
                    for id in ids {
                        found.extend(api.entry(&id).await.map(|entry| (id, entry)));
                    }
                    found
                })
            })
            .collect();
        let mut found = HashMap::new();
        for reader in readers {
            found.extend(reader.await.unwrap());
        }
        found
    }

    /// Returns a page of hits. Panics if the status is not 200.
    pub async fn search(&self, query: &[(&str, &str)]) -> Value {
        let request = self.http.get(self.url("/logs/search")).query(query);
        let response = self.send(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{query:?}");
        response.json().await.unwrap()
    }

    /// Searches until there are `total` hits, and returns the first page. Panics after [`TIMEOUT`].
    pub async fn search_until(&self, query: &[(&str, &str)], total: u64) -> Value {
        let started = Instant::now();
        loop {
            let page = self.search(query).await;
            if page["total"] == total || started.elapsed() > TIMEOUT {
                assert_eq!(page["total"], total, "{query:?}");
                return page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the consumer has committed all entries posted so far, and those that it indexed
    /// are found.
    pub async fn wait_until_consumed(&self) {
        // A batch may be indexed before an earlier one is, but the last of these begins only after the
        // one before the first has been committed.
        for _ in 0..CONCURRENT_BATCHES {
            self.wait_until_markers_found().await;
        }
        tokio::time::sleep(REFRESH_INTERVAL).await;
    }

    /// Posts entries to each partition, and waits until they are found.
    async fn wait_until_markers_found(&self) {
        let marker = unique("marker");
        for _ in 0..MARKERS {
            let entry = json!({"service": marker, "message": "marker"}).to_string();
            let response = self.post("/logs", "application/json", entry).await;
            assert_eq!(response.status(), StatusCode::CREATED);
            tokio::time::sleep(MARKER_PAUSE).await;
        }
        let started = Instant::now();
        while self.search(&[("service_name", &marker)]).await["total"] != MARKERS {
            assert!(started.elapsed() < CONSUMPTION_TIMEOUT, "the consumer lags behind");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns all entries of a service, oldest first.
    pub async fn all_entries(&self, service: &str) -> Vec<Value> {
        self.all_hits(&[("service_name", service)]).await
    }

    /// Returns all hits of a search, oldest first.
    pub async fn all_hits(&self, query: &[(&str, &str)]) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = [query, &[("sort", "oldest"), ("limit", "1000")]].concat();
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let mut page = self.search(&query).await;
            let Value::Array(data) = page["data"].take() else { panic!("`data` is not an array") };
            entries.extend(data);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return entries,
            }
        }
    }
}

fn without_slash(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
