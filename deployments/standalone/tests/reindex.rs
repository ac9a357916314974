//! The index is rebuilt from the store: when it is lost or an older version wrote it, and on
//! request. `REINDEX_ENTRIES` is the number of entries in the store (default 10,000).
#![allow(clippy::unwrap_used, reason = "test code: a panic is a failed test")]

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use acceptance::{Api, Server, unique};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

const SETTINGS: [(&str, &str); 1] = [("RATE_LIMIT_ENABLED", "false")];

/// How long a rebuild may take to make progress.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Posts a batch of entries and returns them by id.
async fn post(api: &Api, service: &str, count: usize) -> HashMap<String, String> {
    let messages: Vec<String> = (0..count).map(|_| unique("message")).collect();
    let entries = messages.iter().map(|message| json!({"service": service, "message": message}));
    let body = Value::from(entries.collect::<Vec<_>>()).to_string();
    let response = api.post("/logs/batch?ids=true", "application/json", body).await;
    assert_eq!(response.status(), 201);
    let saved: Value = response.json().await.unwrap();
    let ids = saved["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
    ids.zip(messages).collect()
}

/// Waits until all entries posted so far are stored and indexed.
async fn wait_until_consumed(api: &Api) {
    let marker = unique("marker");
    post(api, &marker, 1).await;
    api.search_until(&[("service_name", &marker)], 1).await;
}

/// Asserts that the index contains exactly these entries of the service.
async fn assert_indexed(api: &Api, service: &str, posted: &HashMap<String, String>) {
    wait_until_consumed(api).await;
    let indexed = api.all_entries(service).await;
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    let by_id: HashMap<String, String> =
        indexed.iter().map(|entry| (text(entry, "id"), text(entry, "message"))).collect();
    assert_eq!(by_id.len(), indexed.len(), "an id is indexed twice");
    let missing = posted.keys().filter(|id| !by_id.contains_key(*id)).count();
    assert_eq!((by_id.len(), missing), (posted.len(), 0));
    assert!(by_id == *posted, "a message differs");
}

/// Fills a new data directory, and returns its entries.
async fn fill(data_dir: &Path, service: &str) -> HashMap<String, String> {
    let entries = std::env::var("REINDEX_ENTRIES").map_or(10_000, |count| count.parse().unwrap());
    let server = support::start(data_dir, &SETTINGS);
    let api = Api::new(&server.url);
    let mut posted = HashMap::new();
    while posted.len() < entries {
        posted.extend(post(&api, service, 500).await);
    }
    wait_until_consumed(&api).await;
    assert!(server.terminate().success());
    posted
}

async fn readiness(api: &Api) -> Value {
    let response = api.get("/readyz").await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn reindex(data_dir: &Path, settings: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logpulse"));
    command.env_clear().env("DATA_DIR", data_dir).envs(settings.iter().copied());
    let Output { status, stdout, stderr } = command.arg("reindex").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The state of the newest generation; `None` once it is complete and the only one.
fn rebuild_state(data_dir: &Path) -> Option<String> {
    let items = fs::read_dir(data_dir.join("index")).ok()?;
    let names = items.map(|item| item.unwrap().file_name().into_string().unwrap());
    let mut generations: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
    generations.sort_unstable();
    let newest = data_dir.join("index").join(generations.last()?.to_string());
    let state = fs::read_to_string(newest.join("state")).unwrap_or_default();
    (state != "\"complete\"" || generations.len() > 1).then_some(state)
}

async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < TIMEOUT, "timed out waiting until {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

fn random_millis() -> u64 {
    u64::from(uuid::Uuid::new_v4().as_bytes()[0])
}

/// Posts entries, and kills the server each time the rebuild has made progress, until the rebuild
/// is complete. Returns the last server.
async fn crash_until_complete(
    data_dir: &Path,
    service: &str,
    posted: &mut HashMap<String, String>,
    check: impl AsyncFn(&Api, &HashMap<String, String>),
) -> Server {
    for round in 0..100 {
        let server = support::start(data_dir, &SETTINGS);
        let api = Api::new(&server.url);
        let before = rebuild_state(data_dir);
        if before.is_none() {
            assert!(round > 0, "the server was not killed during the rebuild");
            return server;
        }
        check(&api, posted).await;
        posted.extend(post(&api, service, 20).await);
        wait_until("the rebuild makes progress", || rebuild_state(data_dir) != before).await;
        posted.extend(post(&api, service, 20).await);
        sleep(Duration::from_millis(random_millis())).await;
        server.kill();
    }
    panic!("the rebuild is not complete after 100 crashes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_index_is_rebuilt_despite_crashes_while_entries_arrive() {
    let data_dir = TempDir::new().unwrap();
    let service = unique("lost");
    let mut posted = fill(data_dir.path(), &service).await;
    fs::remove_dir_all(data_dir.path().join("index")).unwrap();
    let server = support::start(data_dir.path(), &SETTINGS);
    let api = Api::new(&server.url);
    assert_eq!(readiness(&api).await["index"], "rebuilding");
    assert_eq!(api.search(&[]).await["index"], "rebuilding");
    let page = api.search(&[("service_name", &service), ("limit", "1")]).await;
    assert!(page["total"].as_u64().unwrap() < posted.len() as u64, "{page}");
    server.kill();
    let assert_ready = async |api: &Api, _: &HashMap<String, String>| {
        assert_eq!(readiness(api).await["status"], "ready");
    };
    let server = crash_until_complete(data_dir.path(), &service, &mut posted, assert_ready).await;
    let api = Api::new(&server.url);
    assert_eq!(readiness(&api).await["index"], Value::Null);
    assert_eq!(api.search(&[]).await["index"], Value::Null);
    assert_indexed(&api, &service, &posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requested_rebuild_hides_no_entries_despite_crashes() {
    let data_dir = TempDir::new().unwrap();
    let service = unique("requested");
    let mut posted = fill(data_dir.path(), &service).await;
    let server = support::start(data_dir.path(), &SETTINGS);
    let (code, output, errors) = reindex(data_dir.path(), &[]);
    assert_eq!(code, 0, "{errors}");
    assert!(output.starts_with("the running server is rebuilding the index"), "{output}");
    server.kill();
    let assert_whole = async |api: &Api, posted: &HashMap<String, String>| {
        assert_indexed(api, &service, posted).await;
        assert_eq!(readiness(api).await["index"], Value::Null);
        assert_eq!(api.search(&[]).await["index"], Value::Null);
    };
    let server = crash_until_complete(data_dir.path(), &service, &mut posted, &assert_whole).await;
    assert_whole(&Api::new(&server.url), &posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_requested_between_runs_begins_at_the_next_start() {
    let data_dir = TempDir::new().unwrap();
    let (code, _, errors) = reindex(data_dir.path(), &[]);
    assert_eq!(code, 78, "{errors}");
    assert!(errors.contains("has no queue.db"), "{errors}");
    assert_eq!(fs::read_dir(data_dir.path()).unwrap().count(), 0);

    let service = unique("next");
    let server = support::start(data_dir.path(), &SETTINGS);
    let posted = post(&Api::new(&server.url), &service, 100).await;
    wait_until_consumed(&Api::new(&server.url)).await;
    assert!(server.terminate().success());
    let (code, _, errors) = reindex(data_dir.path(), &[("INDEX_URL", "http://127.0.0.1:9200")]);
    assert_eq!(code, 78, "{errors}");
    assert!(errors.contains("INDEX_URL: must be"), "{errors}");
    let (code, output, errors) = reindex(data_dir.path(), &[]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(output, "the index will be rebuilt when LogPulse starts\n");

    let server = support::start(data_dir.path(), &SETTINGS);
    wait_until("the rebuild completes", || rebuild_state(data_dir.path()).is_none()).await;
    assert!(data_dir.path().join("index/2").exists());
    assert_indexed(&Api::new(&server.url), &service, &posted).await;
}

/// Replaces the index with one in version 1 of the format.
fn replace_with_version_1(index: &Path) {
    use tantivy::schema::{STORED, Schema, TEXT};
    fs::remove_dir_all(index).unwrap();
    fs::create_dir(index).unwrap();
    let mut schema = Schema::builder();
    let text = schema.add_text_field("text", TEXT | STORED);
    let first = tantivy::Index::create_in_dir(index, schema.build()).unwrap();
    let mut writer = first.writer_with_num_threads(1, 20_000_000).unwrap();
    writer.add_document(tantivy::doc!(text => "from version 1")).unwrap();
    writer.commit().unwrap();
    writer.wait_merging_threads().unwrap();
    fs::write(index.join("format_version"), "1\n").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_an_older_version_is_rebuilt() {
    let data_dir = TempDir::new().unwrap();
    let service = unique("older");
    let mut posted = fill(data_dir.path(), &service).await;
    replace_with_version_1(&data_dir.path().join("index"));
    let server = support::start(data_dir.path(), &SETTINGS);
    let api = Api::new(&server.url);
    assert_eq!(readiness(&api).await["index"], "rebuilding");
    posted.extend(post(&api, &service, 100).await);
    wait_until("the rebuild completes", || rebuild_state(data_dir.path()).is_none()).await;
    assert_indexed(&api, &service, &posted).await;
    let mut names: Vec<_> = fs::read_dir(data_dir.path().join("index"))
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["1", "format_version"]);
}
