//! `make bench-drain` measures how fast one consumer drains a backlog into both sinks, compared
//! with a bare loader that writes the same rows and documents in the same run. Only the ratios are
//! comparable between machines. `CONSUMER` is the path of another consumer binary to measure.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "benchmark code: a panic fails the run, and measurements are printed"
)]

mod backlog;
#[path = "../../../standalone/benches/bench/entries.rs"]
#[expect(dead_code, reason = "only single entries are used here")]
mod entries;
mod loader;
#[path = "../cluster/median.rs"]
mod median;
#[path = "../cluster/process.rs"]
#[expect(dead_code, reason = "only single readings are used here")]
mod process;
mod sinks;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use acceptance::Server;
use backlog::Batch;
use cluster::Cluster;
use median::median;
use process::{cpu_seconds, drain_rate, machine, wait_until_written};
use serde_json::value::RawValue;
use shared::LogEntry;
use sinks::Sinks;

/// Entries in the backlog.
const BACKLOG_ENTRIES: usize = 1_000_000;

/// Documents written to try out each concurrency level.
const TRIAL_ENTRIES: usize = 200_000;

/// The number of runs of the consumer. Each is preceded and followed by a run of the loader.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let mut entries = backlog::entries(BACKLOG_ENTRIES + 1);
    let first = entries.pop().unwrap();
    let backlog = Backlog { first, entries };
    println!("{}", machine());
    let documents = backlog.warm_up().await;
    let batches = Arc::new(backlog::batches(&backlog.entries, &documents));
    drop(documents);
    let loader = Loader { batches, first: &backlog.first };
    loader.print_sizes();
    let concurrency = loader.best_concurrency().await;
    let mut loads = vec![loader.full_run(concurrency).await];
    let (mut drains, mut ratios) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let rate = backlog.drain().await;
        loads.push(loader.full_run(concurrency).await);
        let ratio = rate / median(loads[round..].iter().copied());
        println!("ratio to the loader just before and after: {ratio:.2}");
        drains.push(rate);
        ratios.push(ratio);
    }
    println!(
        "medians: consumer {:.0}/s, loader {:.0}/s, ratio {:.2}",
        median(drains.iter().copied()),
        median(loads.iter().copied()),
        median(ratios.iter().copied()),
    );
}

/// The entries that the consumer drains.
struct Backlog {
    /// An entry that is written before the measurement, so that LogPulse creates the table and the
    /// index.
    first: LogEntry,
    entries: Vec<LogEntry>,
}

impl Backlog {
    /// Warms up OpenSearch's JVM with a drain. Returns the documents that the consumer wrote, which
    /// the loader writes again.
    async fn warm_up(&self) -> HashMap<String, Box<RawValue>> {
        println!("warming up:");
        let cluster = Cluster::fresh().await;
        self.drain_into(&cluster).await;
        let documents = Sinks::of(&cluster, self.first.id).documents().await;
        assert_eq!(documents.len(), self.entries.len() + 1);
        cluster.remove().await;
        documents
    }

    /// Drains the backlog into new sinks; returns entries per second.
    async fn drain(&self) -> f64 {
        let cluster = Cluster::fresh().await;
        let rate = self.drain_into(&cluster).await;
        cluster.remove().await;
        rate
    }

    /// Drains the backlog with a consumer at its default settings; returns entries per second.
    async fn drain_into(&self, cluster: &Cluster) -> f64 {
        let consumer = start_consumer(cluster, &self.first).await;
        let records = backlog::records(&self.entries);
        let publish = backlog::publish(cluster.setting("QUEUE_URL"), records);
        let used = cpu_seconds(consumer.child.id());
        let rate = drain_rate(&consumer, self.entries.len(), publish).await;
        println!(
            "consumer: {rate:.0}/s, {:.1} s of CPU, peak {} MiB",
            cpu_seconds(consumer.child.id()) - used,
            consumer.peak_memory_mib(),
        );
        assert!(consumer.terminate().success());
        let written = self.entries.len() + 1;
        Sinks::of(cluster, self.first.id).assert_count(written).await;
        rate
    }
}

/// The bare loader and its documents.
struct Loader<'a> {
    batches: Arc<Vec<Batch>>,
    /// The first entry of the [`Backlog`].
    first: &'a LogEntry,
}

impl Loader<'_> {
    fn print_sizes(&self) {
        let bulk: usize = self.batches.iter().map(|batch| batch.bulk.len()).sum();
        println!(
            "{BACKLOG_ENTRIES} entries, one has {} bytes as JSON; on average, {} bytes in a bulk request",
            self.first.to_json().len(),
            bulk / BACKLOG_ENTRIES
        );
    }

    async fn best_concurrency(&self) -> usize {
        let mut best = (0.0, 0);
        for concurrency in 1..=4 {
            let rate = self.run(concurrency, TRIAL_ENTRIES).await;
            println!(
                "loader, {concurrency} connections to each sink, {TRIAL_ENTRIES} entries: {rate:.0}/s"
            );
            if rate > best.0 {
                best = (rate, concurrency);
            }
        }
        best.1
    }

    async fn full_run(&self, concurrency: usize) -> f64 {
        let rate = self.run(concurrency, BACKLOG_ENTRIES).await;
        println!("loader, {concurrency} connections to each sink: {rate:.0}/s");
        rate
    }

    /// Loads `count` entries into a new table and index; returns entries per second.
    async fn run(&self, concurrency: usize, count: usize) -> f64 {
        let cluster = Cluster::fresh().await;
        let sinks = Sinks::of(&cluster, self.first.id);
        assert!(start_consumer(&cluster, self.first).await.terminate().success());
        let seconds = loader::load(&sinks, &self.batches, count, concurrency).await;
        sinks.assert_count(count + 1).await;
        cluster.remove().await;
        count as f64 / seconds
    }
}

/// Starts the consumer to measure, and lets it write an entry.
async fn start_consumer(cluster: &Cluster, first: &LogEntry) -> Server {
    let records = backlog::records(std::slice::from_ref(first));
    backlog::publish(cluster.setting("QUEUE_URL"), records).await;
    let consumer = match std::env::var_os("CONSUMER") {
        Some(path) => cluster.start_binary("consumer", Path::new(&path)),
        None => cluster.start("consumer"),
    };
    wait_until_written(&consumer, 1).await;
    consumer
}
