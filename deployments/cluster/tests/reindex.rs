//! Runs `consumer reindex` while three consumers run and entries arrive. The command is killed,
//! stopped and rerun; afterwards, every entry is in the index exactly once.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic fails the test, and measurements are printed"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use acceptance::{Api, unique};
use cluster::{Cluster, opensearch, skip_without_services, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::NamedTempFile;
use uuid::{NoContext, Timestamp, Uuid};

/// The number of days for which entries are posted.
const DAYS: u32 = 3;

const DAY: Duration = Duration::from_hours(24);

/// The number of entries per day that are posted before the index is rebuilt.
const OLD_ENTRIES: u32 = 4000;

/// Posts entries with ids that are `days` days old, and returns the ids.
async fn post(api: &Api, service: &str, days: u32, count: u32) -> Vec<String> {
    let arrival = SystemTime::now() - DAY * days;
    let seconds = arrival.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let id = |_| Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0)).to_string();
    let ids: Vec<String> = (0..count).map(id).collect();
    let entry = |id: &String| {
        let entry = json!({"id": id, "service": service, "message": "card declined",
            "attributes": {"amount": days}});
        entry.to_string()
    };
    let lines: Vec<String> = ids.iter().map(entry).collect();
    let posted = api.post("/logs/batch", "application/x-ndjson", lines.join("\n")).await;
    posted.error_for_status().unwrap();
    ids
}

/// A running `consumer reindex`.
struct Reindex {
    child: Child,
    log: NamedTempFile,
}

impl Reindex {
    fn spawn(mut consumer: Command) -> Self {
        let log = NamedTempFile::new().unwrap();
        consumer.arg("reindex").stderr(Stdio::from(log.reopen().unwrap()));
        Self { child: consumer.spawn().unwrap(), log }
    }

    /// Starts the command, and waits until it rebuilds an index. Retries while the previous process
    /// still holds the lock.
    async fn start(cluster: &Cluster) -> Self {
        let started = Instant::now();
        loop {
            let mut reindex = Self::spawn(cluster.command("consumer"));
            wait_until("the rebuild begins", async || {
                reindex.log().contains("building the index of the day")
                    || reindex.child.try_wait().unwrap().is_some()
            })
            .await;
            let log = reindex.log();
            if !log.contains("another process is rebuilding the index") {
                return reindex;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "{log}");
        }
    }

    fn log(&self) -> String {
        let mut log = String::new();
        File::open(self.log.path()).unwrap().read_to_string(&mut log).unwrap();
        log
    }

    /// Waits for the process to exit, and returns its exit code and its log.
    async fn wait(mut self) -> (Option<i32>, String) {
        let waiting = tokio::task::spawn_blocking(move || {
            let status = self.child.wait().unwrap();
            (status.code(), self.log())
        });
        waiting.await.unwrap()
    }
}

/// The names of all indexes, without the prefix.
async fn indexes(cluster: &Cluster) -> BTreeSet<String> {
    let name = cluster.name();
    let path = format!("_cat/indices/{name}-*?h=index&expand_wildcards=all");
    let listed = reqwest::get(format!("http://{}/{path}", opensearch())).await.unwrap();
    let listed = listed.text().await.unwrap();
    let names = listed.split_whitespace().map(|index| index[name.len() + 1..].to_owned());
    names.collect()
}

/// Kills a rebuild after a second one was rejected, stops another one, and completes the last.
async fn rebuild(cluster: &Cluster, pause: Duration) {
    let mut killed = Reindex::start(cluster).await;
    tokio::time::sleep(pause).await;
    let (code, log) = Reindex::spawn(cluster.command("consumer")).wait().await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("another process is rebuilding the index"), "{log}");
    assert!(killed.child.try_wait().unwrap().is_none(), "{}", killed.log());
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();

    let stopped = Reindex::start(cluster).await;
    tokio::time::sleep(pause).await;
    kill_process(Pid::from_child(&stopped.child), Signal::TERM).unwrap();
    let (code, log) = stopped.wait().await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("the index is not complete"), "{log}");
    let names = indexes(cluster).await;
    assert_eq!(names.len(), DAYS as usize, "{names:?}");

    let started = Instant::now();
    let (code, log) = Reindex::start(cluster).await.wait().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the indexes are complete"), "{log}");
    println!("the index was rebuilt in {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_rebuild_is_completed_while_consumers_run() {
    if skip_without_services(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await;
    let (api, mut servers) = cluster.start_all();
    servers.extend(["consumer"; 2].map(|function| cluster.start(function)));
    let [old, new] = ["old", "new"].map(unique);
    let mut old_ids = Vec::new();
    for days in 0..DAYS {
        old_ids.extend(post(&api, &old, days, OLD_ENTRIES).await);
    }
    for days in 0..DAYS {
        let attribute = format!("@amount:{days}");
        let query = [("service_name", old.as_str()), ("q", &attribute)];
        api.search_until(&query, OLD_ENTRIES.into()).await;
    }
    let names_before = indexes(&cluster).await;

    let is_done = AtomicBool::new(false);
    let posts = async {
        let mut ids = Vec::new();
        for round in 0.. {
            if is_done.load(Ordering::SeqCst) {
                break;
            }
            ids.extend(post(&api, &new, round % DAYS, 20).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ids
    };
    let searches = async {
        while !is_done.load(Ordering::SeqCst) {
            for days in 0..DAYS {
                let attribute = format!("@amount:{days}");
                let page = api.search(&[("service_name", &old), ("q", &attribute)]).await;
                assert_eq!(page["total"], OLD_ENTRIES, "{days} days ago");
            }
        }
    };
    let rebuilds = async {
        rebuild(&cluster, Duration::from_millis(700)).await;
        is_done.store(true, Ordering::SeqCst);
    };
    let (new_ids, (), ()) = tokio::join!(posts, searches, rebuilds);

    println!("{} entries arrived in the meantime", new_ids.len());
    for (service, mut ids) in [(&old, old_ids), (&new, new_ids)] {
        let with_amount =
            [("service_name", service.as_str()), ("q", "@amount:>=0"), ("limit", "1")];
        wait_until("every entry is found", async || {
            api.all_entries(service).await.len() >= ids.len()
        })
        .await;
        let found = api.all_entries(service).await;
        let mut found: Vec<String> =
            found.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
        found.sort_unstable();
        ids.sort_unstable();
        assert!(found == ids, "found {} of {} entries of {service}", found.len(), ids.len());
        let page = api.search(&with_amount).await;
        assert_eq!(page["total"], ids.len().min(10_000), "{page}");
    }
    let names = indexes(&cluster).await;
    assert_eq!(names.len(), names_before.len(), "{names:?}");
    for (name, before) in names.iter().zip(&names_before) {
        assert!(name.starts_with(&format!("{before}-")), "{names:?}");
    }
    drop(servers);
    cluster.remove().await;
}
