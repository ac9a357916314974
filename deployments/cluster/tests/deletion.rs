//! Deletes entries by query while others arrive and the process that deletes is killed: exactly the
//! entries that match are gone, and do not come back when they are sent again, delivered again,
//! replayed or read for a new index. `DELETE_ENTRIES` is the number of entries in the store (default
//! 30,000), of which a tenth is deleted.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic fails the test, and measurements are printed"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acceptance::deletion::{Deletion, Job, arrive, entries};
use acceptance::metrics::total;
use acceptance::{Api, Server};
use cluster::{Cluster, skip_without_services, wait_until};
use serde_json::Value;
use shared::queue::{self, DeadLetter, Position};
use shared::{LogEntry, Timestamp};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::interval;

/// The number of dead letters that are replayed.
const DEAD_LETTERS: usize = 100;

/// A cluster with two consumers and three replicas of `delete`.
struct Running {
    cluster: Cluster,
    api: Api,
    consumers: Vec<Server>,
    deleters: Vec<Server>,
    _others: Vec<Server>,
}

impl Running {
    async fn start() -> Self {
        let cluster = Cluster::fresh().await.with("DELETE_ENABLED", "true");
        let start = |function: &str, count: usize| -> Vec<Server> {
            (0..count).map(|_| cluster.start(function)).collect()
        };
        let (mut api, mut others) = (Api::new("http://127.0.0.1:1"), Vec::new());
        for function in ["ingest", "get", "search", "stats"] {
            let server = cluster.start(function);
            api = api.with_function(function, &server.url);
            others.push(server);
        }
        let (consumers, deleters) = (start("consumer", 2), start("delete", 3));
        api = api.with_function("delete", &deleters[0].url);
        Self { api, consumers, deleters, _others: others, cluster }
    }

    /// Kills the replica that has deleted entries, which is the one that runs the jobs, and starts
    /// another one. Returns false if none has deleted entries yet.
    async fn kill_worker(&mut self) -> bool {
        for position in 0..self.deleters.len() {
            if counter(&self.deleters[position], "delete_entries_total").await > 0 {
                self.deleters.remove(position).kill();
                self.deleters.push(self.cluster.start("delete"));
                self.api = self.api.clone().with_function("delete", &self.deleters[0].url);
                return true;
            }
        }
        false
    }

    /// Kills the replica that runs the job after each step, until the job has finished. Returns how
    /// many were killed while it was running.
    async fn kill_until_finished(&mut self, mut job: Job) -> usize {
        let mut kills = 0;
        while job.next_step(&self.api).await {
            if self.kill_worker().await {
                kills += usize::from(job.is_running(&self.api).await);
            }
        }
        kills
    }

    /// The number of deleted entries that the consumers have refused since they were started.
    async fn refused(&self) -> u64 {
        let mut refused = 0;
        for consumer in &self.consumers {
            refused += counter(consumer, "consumer_deleted_total").await;
        }
        refused
    }

    /// Stops the consumers, and starts others that read the topic from its beginning.
    async fn redeliver(&mut self) {
        for consumer in self.consumers.drain(..) {
            assert!(consumer.terminate().success());
        }
        wait_until("the offsets are reset", async || {
            self.cluster.rewind();
            let partitions = self.cluster.partitions();
            partitions.len() == 3 && partitions.iter().all(|partition| partition.committed == 0)
        })
        .await;
        self.consumers = (0..2).map(|_| self.cluster.start("consumer")).collect();
    }

    /// Writes dead letters of deleted entries, and replays them.
    async fn replay(&self, deletion: &Deletion) {
        let queue = queue::open(&self.cluster.setting("QUEUE_URL").parse().unwrap()).await.unwrap();
        let dead_letters: Vec<DeadLetter> =
            deletion.deleted().take(DEAD_LETTERS).map(dead_letter).collect();
        queue.dead_letters.write(&dead_letters).await.unwrap();
        let replayed = format!("replayed {DEAD_LETTERS} dead letters\n");
        assert_eq!(block_in_place(|| self.cluster.dead_letters("replay")), replayed);
    }

    fn reindex(&self) {
        let reindex = self.cluster.command("consumer").arg("reindex").output().unwrap();
        assert!(reindex.status.success(), "{}", String::from_utf8_lossy(&reindex.stderr));
    }

    async fn remove(self) {
        let Self { cluster, consumers, deleters, _others: others, .. } = self;
        assert_eq!(block_in_place(|| cluster.dead_letters("list")), "");
        drop((consumers, deleters, others));
        cluster.remove().await;
    }
}

async fn counter(server: &Server, name: &str) -> u64 {
    let metrics = reqwest::get(format!("{}/metrics", server.url)).await.unwrap();
    total(&metrics.text().await.unwrap(), name)
}

fn dead_letter(entry: &Value) -> DeadLetter {
    let mut entry = entry.clone();
    entry["timestamp"] = "2024-06-14T12:00:00.000000Z".into();
    let entry: LogEntry = serde_json::from_value(entry).unwrap();
    DeadLetter {
        line: entry.to_json(),
        reason: "rejected by a test".to_owned(),
        source: Position { partition: 0, offset: 0 },
        time: Timestamp::now(),
    }
}

/// Posts entries until it is stopped. Returns their ids.
fn spawn_arrivals(api: &Api, service: &str, stop: &Arc<AtomicBool>) -> JoinHandle<Vec<String>> {
    let (api, service, stop) = (api.clone(), service.to_owned(), stop.clone());
    tokio::spawn(async move {
        let mut ids = Vec::new();
        let mut ticks = interval(Duration::from_millis(50));
        while !stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            ids.extend(arrive(&api, &service).await);
        }
        ids
    })
}

/// Brings the deleted entries to the consumers in each way that there is, and asserts that they
/// refuse them.
async fn assert_stay_gone(running: &mut Running, deletion: &Deletion) {
    let deleted = deletion.deleted().len() as u64;
    let before = running.refused().await;
    deletion.post_again(&running.api).await;
    deletion.assert_gone(&running.api).await;
    assert!(running.refused().await >= before + deleted);

    running.redeliver().await;
    deletion.assert_gone(&running.api).await;
    let redelivered = running.refused().await;
    assert!(redelivered >= deleted, "{redelivered}");

    running.replay(deletion).await;
    deletion.assert_gone(&running.api).await;
    assert!(running.refused().await >= redelivered + DEAD_LETTERS as u64);

    block_in_place(|| running.reindex());
    deletion.assert_gone(&running.api).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_entries_that_match_are_gone_and_do_not_come_back() {
    if skip_without_services(module_path!()) {
        return;
    }
    let started = Instant::now();
    let mut running = Running::start().await;
    let mut deletion = Deletion::post(&running.api, entries(30_000)).await;
    println!("{:?}: the entries are indexed", started.elapsed());

    let job = deletion.start(&running.api).await;
    let stop = Arc::new(AtomicBool::new(false));
    let arrivals = spawn_arrivals(&running.api, deletion.service(), &stop);
    let kills = running.kill_until_finished(job).await;
    stop.store(true, Ordering::Relaxed);
    let arrived = arrivals.await.unwrap();
    assert!(kills > 0, "no replica was killed while it ran the job");
    println!(
        "{:?}: {kills} replicas were killed, {} entries arrived",
        started.elapsed(),
        arrived.len()
    );
    deletion.keep(arrived);
    deletion.assert_gone(&running.api).await;

    assert_stay_gone(&mut running, &deletion).await;
    println!("{:?}: {} entries stay deleted", started.elapsed(), deletion.deleted().len());
    running.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_deleted_during_a_rebuild_are_not_in_the_new_index() {
    if skip_without_services(module_path!()) {
        return;
    }
    let running = Running::start().await;
    let deletion = Deletion::post(&running.api, 10_000).await;

    let job = deletion.start(&running.api).await;
    tokio::join!(job.finish(&running.api), async { block_in_place(|| running.reindex()) });

    deletion.assert_gone(&running.api).await;
    running.remove().await;
}
