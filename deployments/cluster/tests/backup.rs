//! Backs up a cluster under load with the script of `make backup`, and restores it to an empty one
//! with that of `make restore`.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use acceptance::{Api, Server, unique};
use cluster::{Cluster, RECOVERY_TIMEOUT, on_mysql, skip_without_services, wait_until};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, block_in_place};
use uuid::{NoContext, Timestamp, Uuid};

const DAY: Duration = Duration::from_hours(24);

/// The number of earlier days that have entries.
const EARLIER_DAYS: u32 = 3;

const WRITERS: usize = 4;

/// Messages by id.
type Entries = HashMap<String, String>;

/// Starts the functions that the test uses.
fn start(cluster: &Cluster) -> (Api, Vec<Server>) {
    let functions = ["ingest", "get", "search", "docs", "consumer"];
    let servers = functions.map(|function| cluster.start(function));
    let [ingest, get, search, docs, _] = &servers;
    let api = Api::for_functions([ingest, get, search, docs].map(|server| server.url.as_str()));
    (api, servers.into())
}

/// Runs a script on the cluster's topic and database. Returns its exit code and its output.
fn run(script: &str, directory: &Path, cluster: &Cluster) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        block_in_place(|| command(script, directory, cluster).output().unwrap());
    let output = [stdout, stderr].concat();
    (status.code(), String::from_utf8(output).unwrap())
}

fn command(script: &str, directory: &Path, cluster: &Cluster) -> Command {
    let mut command = Command::new(format!("{}/{script}", env!("CARGO_MANIFEST_DIR")));
    command.arg(directory);
    command.envs(["TOPIC", "GROUP", "DATABASE"].map(|variable| (variable, cluster.name())));
    command
}

fn succeed(script: &str, directory: &Path, cluster: &Cluster) -> String {
    let (code, output) = run(script, directory, cluster);
    assert_eq!(code, Some(0), "{output}");
    output
}

fn fail(script: &str, directory: &Path, cluster: &Cluster) -> String {
    let (code, output) = run(script, directory, cluster);
    assert_eq!(code, Some(1), "{output}");
    output
}

/// Posts entries with ids that are `days` days old.
async fn post(api: &Api, service: &str, days: u32, count: u32) -> Entries {
    let arrival = SystemTime::now() - DAY * days;
    let arrival = arrival.duration_since(UNIX_EPOCH).unwrap();
    let time = Timestamp::from_unix(NoContext, arrival.as_secs(), arrival.subsec_nanos());
    let new = |_| (Uuid::new_v7(time).to_string(), unique("Grüße \\ 'n' \"\t\0 日志 🦀"));
    let entries: Entries = (0..count).map(new).collect();
    let entry = |(id, message): (&String, &String)| {
        let attributes = json!({"days": days});
        let entry =
            json!({"id": id, "service": service, "message": message, "attributes": attributes});
        entry.to_string()
    };
    let lines: Vec<String> = entries.iter().map(entry).collect();
    let posted = api.post("/logs/batch", "application/x-ndjson", lines.join("\n")).await;
    let posted: Value = posted.error_for_status().unwrap().json().await.unwrap();
    assert_eq!(posted["accepted"], count, "{posted}");
    entries
}

/// Posts entries until `stop` is set.
fn spawn_writers(
    api: &Api,
    service: &str,
    acknowledged: &Arc<Mutex<Entries>>,
    stop: &Arc<AtomicBool>,
) -> Vec<JoinHandle<()>> {
    let spawn = |_| {
        let (api, service) = (api.clone(), service.to_owned());
        let (acknowledged, stop) = (acknowledged.clone(), stop.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let posted = post(&api, &service, 0, 20).await;
                acknowledged.lock().unwrap().extend(posted);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    };
    (0..WRITERS).map(spawn).collect()
}

/// Asserts that every expected entry is found once, by id and by search.
async fn assert_has(api: &Api, service: &str, expected: &Entries) {
    let indexed = api.all_entries(service).await;
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    let by_id: Entries =
        indexed.iter().map(|entry| (text(entry, "id"), text(entry, "message"))).collect();
    let messages: HashSet<&String> = by_id.values().collect();
    assert_eq!((by_id.len(), messages.len()), (indexed.len(), indexed.len()), "one is doubled");
    let stored = api.entries(expected.keys().cloned().collect()).await;
    for (id, message) in expected {
        assert_eq!(by_id.get(id), Some(message), "{id} is not indexed");
        assert_eq!(stored[id]["message"], **message, "{id} differs in the store");
    }
}

/// Restores the backup to an empty cluster, and checks its entries.
async fn assert_restored(directory: &Path, service: &str, expected: &Entries) {
    let empty = Cluster::fresh().await;
    // The first restore is interrupted.
    on_mysql(&format!("CREATE TABLE {}.restore_incomplete (id INT)", empty.name())).await;
    on_mysql(&format!("CREATE TABLE {}.log_entries (id INT) SELECT 1 AS id", empty.name())).await;
    let output = succeed("restore", directory, &empty);
    assert!(output.contains("/function reindex"), "{output}");
    let (api, servers) = start(&empty);
    let reindexed = block_in_place(|| empty.command("consumer").arg("reindex").output().unwrap());
    assert!(reindexed.status.success(), "{}", String::from_utf8_lossy(&reindexed.stderr));
    assert_has(&api, service, expected).await;
    let output = fail("restore", directory, &empty);
    assert!(output.contains("has entries; restore to an empty one"), "{output}");
    drop(servers);
    empty.remove().await;
}

/// Kills a backup that is running.
async fn kill_backup(directory: &Path, cluster: &Cluster, after: Duration) {
    let mut killed = command("backup", directory, cluster);
    let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    tokio::time::sleep(after).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    // The programs that it has started hold the lock until they end.
    let started = Instant::now();
    while run("backup", directory, cluster).1.contains("another process uses the backup") {
        assert!(started.elapsed() < RECOVERY_TIMEOUT, "the backup is still locked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_every_entry_acknowledged_before_it_once() {
    if skip_without_services(module_path!()) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let backup = directory.path().join("backup");
    let cluster = Cluster::fresh().await;
    let service = unique("backup");
    let (api, servers) = start(&cluster);
    let mut expected = Entries::new();
    for days in 1..=EARLIER_DAYS {
        expected.extend(post(&api, &service, days, 500).await);
    }
    let (acknowledged, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
    let writers = spawn_writers(&api, &service, &acknowledged, &stop);
    wait_until("entries are acknowledged", async || acknowledged.lock().unwrap().len() > 500).await;

    let first = succeed("backup", &backup, &cluster);
    assert!(first.contains("files: 5 copied") && first.contains(" 0 unchanged"), "{first}");
    kill_backup(&backup, &cluster, Duration::from_secs(8)).await;
    let before: Entries = acknowledged.lock().unwrap().clone();
    let last = succeed("backup", &backup, &cluster);
    // The schema, and today.
    assert!(last.contains("files: 2 copied") && last.contains(" 3 unchanged"), "{last}");
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    drop(servers);
    expected.extend(before);
    assert_restored(&backup, &service, &expected).await;

    let other = Cluster::fresh().await;
    let output = fail("backup", &backup, &other);
    assert!(output.contains("MySQL has no store in the database"), "{output}");
    for name in ["manifest", "files"] {
        damage(&backup.join(name));
        let output = fail("restore", &backup, &other);
        assert!(output.contains("damaged"), "{output}");
        damage(&backup.join(name));
    }
    other.remove().await;
    cluster.remove().await;
}

/// Changes a byte in the middle of the file, or of each file in the directory. The second call
/// undoes the first.
fn damage(path: &Path) {
    if path.is_dir() {
        for file in fs::read_dir(path).unwrap() {
            damage(&file.unwrap().path());
        }
        return;
    }
    let mut content = fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(path, content).unwrap();
}
