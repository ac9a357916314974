//! `logpulse backup` while entries arrive, and `logpulse restore` in an empty directory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

mod support;
#[path = "support/writers.rs"]
mod writers;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use acceptance::{Api, TIMEOUT, unique};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use self::writers::{Posted, spawn_writers};

const SETTINGS: [(&str, &str); 1] = [("RATE_LIMIT_ENABLED", "false")];

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// The number of earlier days that have entries.
const EARLIER_DAYS: u64 = 3;

fn logpulse(arguments: &[&str], data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logpulse"));
    command.env_clear().env("DATA_DIR", data_dir).args(arguments);
    command
}

/// Runs a command of `logpulse`, and returns its exit code, standard output and standard error.
fn run(arguments: &[&str], data_dir: &Path) -> (i32, String, String) {
    let Output { status, stdout, stderr } = logpulse(arguments, data_dir).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn succeed(command: &str, directory: &Path, data_dir: &Path) -> String {
    let (code, output, errors) = run(&[command, directory.to_str().unwrap()], data_dir);
    assert_eq!(code, 0, "{output}{errors}");
    output
}

fn fail(command: &str, directory: &Path, data_dir: &Path) -> String {
    let (code, output, errors) = run(&[command, directory.to_str().unwrap()], data_dir);
    assert_eq!((code, output.as_str()), (1, ""), "{errors}");
    errors
}

/// Posts entries with ids of earlier days, and returns their messages by id.
async fn post_earlier_days(api: &Api, service: &str, count: usize) -> HashMap<String, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut posted = HashMap::new();
    for days in 1..=EARLIER_DAYS {
        let time = uuid::Timestamp::from_unix_time(now - days * SECONDS_PER_DAY, 0, 0, 0);
        let entries: HashMap<String, String> =
            (0..count).map(|_| (Uuid::new_v7(time).to_string(), unique("earlier"))).collect();
        let entry = |(id, message)| json!({"id": id, "service": service, "message": message});
        let body = Value::from(entries.iter().map(entry).collect::<Vec<_>>()).to_string();
        let response = api.post("/logs/batch", "application/json", body).await;
        assert_eq!(response.status(), 201);
        let saved: Value = response.json().await.unwrap();
        assert_eq!(saved["accepted"], count, "{saved}");
        posted.extend(entries);
    }
    posted
}

/// Lets the files of days look as if they had been modified an hour ago, because a file that has
/// just been modified is always copied.
fn age_days(data_dir: &Path) {
    for file in fs::read_dir(data_dir.join("store")).unwrap() {
        let file = File::options().write(true).open(file.unwrap().path()).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_hours(1)).unwrap();
    }
}

/// Waits until the store has a file of today, besides those of the earlier days.
async fn wait_for_today(data_dir: &Path) {
    let started = Instant::now();
    loop {
        let files = fs::read_dir(data_dir.join("store")).unwrap();
        let is_day = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "db");
        let days = files.map(|file| file.unwrap().path()).filter(is_day).count();
        if days as u64 > EARLIER_DAYS {
            return;
        }
        assert!(started.elapsed() < TIMEOUT, "only {days} days");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn wait_for_acknowledged(posted: &Mutex<Posted>, count: usize) -> HashMap<String, String> {
    let started = Instant::now();
    loop {
        let acknowledged = posted.lock().unwrap().acknowledged.clone();
        if acknowledged.len() >= count {
            return acknowledged;
        }
        assert!(started.elapsed() < TIMEOUT, "only {} entries", acknowledged.len());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Asserts that every expected entry is found once, by id and by search. Returns all messages.
async fn assert_restored(
    data_dir: &Path,
    service: &str,
    expected: &HashMap<String, String>,
) -> HashSet<String> {
    let server = support::start(data_dir, &SETTINGS);
    let api = Api::new(&server.url);
    api.wait_until_consumed().await;
    let started = Instant::now();
    while api.search(&[]).await["index"] == "rebuilding" {
        assert!(started.elapsed() < TIMEOUT, "the index is not rebuilt");
        sleep(Duration::from_millis(50)).await;
    }
    let indexed = api.all_entries(service).await;
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    let by_id: HashMap<String, String> =
        indexed.iter().map(|entry| (text(entry, "id"), text(entry, "message"))).collect();
    let messages: HashSet<String> = by_id.values().cloned().collect();
    assert_eq!((by_id.len(), messages.len()), (indexed.len(), indexed.len()), "one is doubled");
    for (id, message) in expected {
        assert_eq!(by_id.get(id), Some(message), "{id} is not indexed");
    }
    let stored = api.entries(expected.keys().cloned().collect()).await;
    for (id, message) in expected {
        assert_eq!(stored[id]["message"], **message, "{id} differs in the store");
    }
    assert!(server.terminate().success());
    messages
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_every_entry_acknowledged_before_it_once() {
    let directory = TempDir::new().unwrap();
    let [data_dir, backup] = ["data", "backup"].map(|name| directory.path().join(name));
    let service = unique("backup");
    let server = support::start(&data_dir, &SETTINGS);
    let api = Api::new(&server.url);
    let earlier = post_earlier_days(&api, &service, 200).await;
    api.search_until(&[("service_name", &service)], earlier.len() as u64).await;
    age_days(&data_dir);

    let posted = Arc::new(Mutex::new(Posted::default()));
    let writers = spawn_writers(&api, &service, &posted);
    let before_first = wait_for_acknowledged(&posted, 2000).await;
    wait_for_today(&data_dir).await;
    let first = tokio::task::block_in_place(|| succeed("backup", &backup, &data_dir));
    assert!(first.contains("files: 6 copied") && first.contains(" 0 unchanged"), "{first}");
    let restored = directory.path().join("first");
    tokio::task::block_in_place(|| succeed("restore", &backup, &restored));

    let before_second = wait_for_acknowledged(&posted, before_first.len() + 2000).await;
    let second = tokio::task::block_in_place(|| succeed("backup", &backup, &data_dir));
    // The catalogue may have been modified just before the first backup.
    assert!(second.contains(" 3 unchanged") || second.contains(" 4 unchanged"), "{second}");
    let later = wait_for_acknowledged(&posted, before_second.len() + 500).await;
    server.kill();
    for writer in writers {
        writer.await.unwrap();
    }

    let sent: HashSet<String> = posted.lock().unwrap().sent.clone();
    let restored_again = directory.path().join("second");
    let output = tokio::task::block_in_place(|| succeed("restore", &backup, &restored_again));
    assert!(output.contains("run `logpulse`"), "{output}");
    for (data_dir, before) in [(restored, before_first), (restored_again, before_second)] {
        let expected = before.into_iter().chain(earlier.clone()).collect();
        let messages = assert_restored(&data_dir, &service, &expected).await;
        let known = |message: &&String| sent.contains(*message) || message.starts_with("earlier");
        assert_eq!(messages.iter().filter(known).count(), messages.len());
        assert!(messages.len() < later.len() + earlier.len(), "later entries are in the backup");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_backup_leaves_one_that_can_be_restored() {
    let directory = TempDir::new().unwrap();
    let [data_dir, backup] = ["data", "backup"].map(|name| directory.path().join(name));
    let service = unique("killed");
    let server = support::start(&data_dir, &SETTINGS);
    let api = Api::new(&server.url);
    let mut posted = post_earlier_days(&api, &service, 2000).await;
    api.search_until(&[("service_name", &service)], posted.len() as u64).await;
    let complete = posted.clone();
    succeed("backup", &backup, &data_dir);
    let started = std::time::Instant::now();
    let mut killed = 0;
    for round in 0..8_u32 {
        posted.extend(post_earlier_days(&api, &service, 100).await);
        api.search_until(&[("service_name", &service)], posted.len() as u64).await;
        let mut command = logpulse(&["backup", backup.to_str().unwrap()], &data_dir);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(u64::from(10 + 15 * round))).await;
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        let restored = directory.path().join(round.to_string());
        succeed("restore", &backup, &restored);
        if round % 3 == 0 {
            assert_restored(&restored, &service, &complete).await;
        }
    }
    assert!(killed > 0, "no backup was killed in {:?}", started.elapsed());
    let output = succeed("backup", &backup, &data_dir);
    let files = fs::read_dir(backup.join("files")).unwrap().count();
    assert_eq!(files, 2 + usize::try_from(EARLIER_DAYS).unwrap(), "{output}");
    let restored = directory.path().join("restored");
    succeed("restore", &backup, &restored);
    assert_restored(&restored, &service, &posted).await;
}

#[test]
fn a_restore_needs_an_empty_data_dir_and_an_undamaged_backup() {
    let directory = TempDir::new().unwrap();
    let [data_dir, backup, restored] =
        ["data", "backup", "restored"].map(|name| directory.path().join(name));
    assert!(support::start(&data_dir, &[]).terminate().success());
    let errors = fail("restore", &backup, &restored);
    assert!(errors.contains("no complete backup"), "{errors}");
    succeed("backup", &backup, &data_dir);
    let errors = fail("restore", &backup, &data_dir);
    assert!(errors.contains("is not empty"), "{errors}");
    let errors = fail("backup", &data_dir.join("backup"), &data_dir);
    assert!(errors.contains("is in DATA_DIR"), "{errors}");
    let queue = fs::read_dir(backup.join("files")).unwrap().map(|file| file.unwrap().path());
    let queue = queue.into_iter().find(|path| path.to_string_lossy().contains("/queue.")).unwrap();
    let content = fs::read(&queue).unwrap();
    fs::write(&queue, &content[..content.len() - 1]).unwrap();
    let errors = fail("restore", &backup, &restored);
    assert!(errors.contains(&format!("{} is damaged", queue.display())), "{errors}");
    assert!(!restored.exists());
    fs::write(&queue, content).unwrap();
    succeed("restore", &backup, &restored);

    // A server does not use what an interrupted restore has left.
    fs::write(restored.join("restore.incomplete"), "").unwrap();
    for command in [&["serve"][..], &["dead-letters", "list"], &["backup", "other"]] {
        let (code, _, errors) = run(command, &restored);
        assert_eq!(code, 1, "{errors}");
        assert!(errors.contains("run `logpulse restore` again"), "{errors}");
    }
    succeed("restore", &backup, &restored);
    assert!(support::start(&restored, &[]).terminate().success());
}

#[test]
fn the_error_names_the_setting_of_a_queue_or_store_elsewhere() {
    let directory = TempDir::new().unwrap();
    for command in ["backup", "restore"] {
        for (variable, url) in [
            ("STORE_URL", "mysql://logpulse:secret@127.0.0.1/logpulse_db"),
            ("QUEUE_URL", "kafka://127.0.0.1:9092/logs_topic"),
        ] {
            let target = directory.path().join("backup");
            let mut command = logpulse(&[command, target.to_str().unwrap()], directory.path());
            let Output { status, stderr, .. } = command.env(variable, url).output().unwrap();
            let errors = String::from_utf8(stderr).unwrap();
            assert_eq!(status.code(), Some(78), "{errors}");
            assert!(errors.contains(&format!("{variable}: must be empty")), "{errors}");
            assert!(!target.exists());
        }
    }
}
