//! On SIGTERM under load, no accepted request fails and no acknowledged entry is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acceptance::{Api, unique};
use serde_json::{Value, json};

const SETTINGS: [(&str, &str); 1] = [("RATE_LIMIT_ENABLED", "false")];

/// The ids of a writer's acknowledged entries, and the errors of its failed requests.
#[derive(Default)]
struct Results {
    acknowledged: Vec<String>,
    failed: Vec<String>,
}

/// Posts entries until the server refuses connections. Uses one connection for all entries if
/// `keep_alive`, otherwise a new one for each.
async fn write(
    url: String,
    keep_alive: bool,
    service: String,
    stopping: Arc<AtomicBool>,
) -> Results {
    let mut results = Results::default();
    let mut api = Api::new(&url);
    loop {
        if !keep_alive {
            api = Api::new(&url);
        }
        let body = json!({"service": service, "message": "m"}).to_string();
        match api.try_post("/logs", "application/json", body).await {
            Ok(response) if response.status() == 201 => {
                let saved: Value = response.json().await.unwrap();
                results.acknowledged.push(saved["id"].as_str().unwrap().to_owned());
            }
            Ok(response) => results.failed.push(response.status().to_string()),
            Err(error) if error.is_connect() && stopping.load(Ordering::SeqCst) => return results,
            Err(error) => results.failed.push(format!("{error:?}")),
        }
    }
}

/// The write-ahead logs of the queue and the store that are not empty.
fn write_ahead_logs(data_dir: &Path) -> Vec<PathBuf> {
    let directories = [data_dir.to_owned(), data_dir.join("store")];
    let files = directories.iter().flat_map(|directory| std::fs::read_dir(directory).unwrap());
    let files = files.map(|file| file.unwrap().path());
    let is_log = |path: &PathBuf| path.to_string_lossy().ends_with("-wal");
    files.filter(|path| is_log(path) && path.metadata().unwrap().len() > 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_accepted_request_fails_and_no_entry_is_lost_on_sigterm() {
    let data_dir = tempfile::tempdir().unwrap();
    let service = unique("shutdown");
    let server = support::start(data_dir.path(), &SETTINGS);
    let stopping = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..16)
        .map(|n| (server.url.clone(), n % 2 == 0, service.clone(), stopping.clone()))
        .map(|(url, keep_alive, service, stopping)| {
            tokio::spawn(write(url, keep_alive, service, stopping))
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;

    stopping.store(true, Ordering::SeqCst);
    let started = Instant::now();
    let status = tokio::task::spawn_blocking(move || server.terminate()).await.unwrap();

    assert_eq!(status.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(write_ahead_logs(data_dir.path()), [] as [PathBuf; 0]);
    let mut acknowledged = Vec::new();
    for writer in writers {
        let results = writer.await.unwrap();
        assert_eq!(results.failed, [] as [String; 0]);
        acknowledged.extend(results.acknowledged);
    }
    assert!(acknowledged.len() > 100, "only {} entries were acknowledged", acknowledged.len());
    let server = support::start(data_dir.path(), &SETTINGS);
    let api = Api::new(&server.url);
    let stored = api.entries(acknowledged.clone()).await;
    for id in acknowledged {
        assert!(stored.contains_key(&id), "{id} was acknowledged but not stored");
    }
}
