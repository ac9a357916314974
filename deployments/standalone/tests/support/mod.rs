//! A LogPulse to test: a process of our own, or the deployment that `BASE_URL` names.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Response, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running LogPulse. It is killed when the test ends.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) child: Child,
}

impl Server {
    /// Starts the binary on a free port with its data in `data_dir`.
    pub(crate) fn start(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logpulse"));
        command.env_clear().envs(settings.iter().copied());
        Self::start_as(command.env("DATA_DIR", data_dir))
    }

    /// Starts a command that in the end runs the binary.
    pub(crate) fn start_as(command: &mut Command) -> Self {
        let mut child = command.env("PORT", "0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines
            .find_map(|line| {
                let line = line.unwrap();
                let start = line.find("http://")?;
                Some(line[start..].split_whitespace().next().unwrap().to_owned())
            })
            .expect("the server prints its address");
        // Whatever else it prints must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { url, child }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// `kill -9`: no chance to finish anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and what the process says when it ends.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// The most memory that the process ever had, in MiB.
    pub(crate) fn peak_memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of one LogPulse.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    pub(crate) http: Client,
}

impl Api {
    pub(crate) fn new(url: &str) -> Self {
        let http = Client::builder().timeout(PATIENCE).build().unwrap();
        Self { url: url.trim_end_matches('/').to_owned(), http }
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Response {
        self.try_post(path, content_type, body).await.unwrap()
    }

    pub(crate) async fn try_post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> reqwest::Result<Response> {
        let request = self.http.post(format!("{}{path}", self.url));
        request.header("content-type", content_type).body(body.into()).send().await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// The entry with this id, once it is there.
    pub(crate) async fn entry(&self, id: &str) -> Option<Value> {
        let request = self.http.get(format!("{}/logs/{id}", self.url)).header("prefer", "wait=10");
        let response = request.send().await.unwrap();
        match response.status() {
            StatusCode::OK => Some(response.json().await.unwrap()),
            StatusCode::NOT_FOUND => None,
            status => panic!("{status}: {}", response.text().await.unwrap()),
        }
    }

    /// Those of the entries that are there, by id; gets several at a time.
    pub(crate) async fn entries(&self, ids: Vec<String>) -> HashMap<String, Value> {
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

    pub(crate) async fn search(&self, query: &[(&str, &str)]) -> Value {
        let request = self.http.get(format!("{}/logs/search", self.url)).query(query);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{query:?}");
        response.json().await.unwrap()
    }

    /// Searches until the total is `total`, and answers the last page that came.
    pub(crate) async fn search_until(&self, query: &[(&str, &str)], total: u64) -> Value {
        let started = Instant::now();
        loop {
            let page = self.search(query).await;
            if page["total"] == total || started.elapsed() > PATIENCE {
                assert_eq!(page["total"], total, "{query:?}");
                return page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every entry of a service, page by page.
    pub(crate) async fn every_entry(&self, service: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("service_name", service), ("sort", "oldest"), ("limit", "1000")];
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let mut page = self.search(&query).await;
            let Value::Array(data) = page["data"].take() else { panic!("no data") };
            entries.extend(data);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return entries,
            }
        }
    }
}

/// A name that no other test has.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{name}-{}-{}-{count}", std::process::id(), since.as_millis())
}
