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
#[path = "../cluster/process.rs"]
#[expect(dead_code, reason = "only single readings are used here")]
mod process;
mod sinks;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::Server;
use backlog::Batch;
use cluster::Cluster;
use process::{cpu_seconds, drain_rate, entries_written, machine};
use serde_json::value::RawValue;
use shared::LogEntry;
use sinks::Sinks;

/// Entries in the backlog.
const BACKLOG_ENTRIES: usize = 500_000;

/// Documents written to try out each concurrency level.
const TRIAL_ENTRIES: usize = 200_000;

/// The number of runs of the consumer. Each is preceded and followed by a run of the loader.
const ROUNDS: usize = 3;

/// How often the consumer's progress is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() {
    let mut entries = backlog::entries(BACKLOG_ENTRIES + 1);
    let first = entries.pop().unwrap();
    println!("{}", machine());
    let documents = warm_up(&entries).await;
    let loader = Loader { batches: Arc::new(backlog::batches(&entries, &documents)), first };
    drop(documents);
    loader.print_sizes();
    let concurrency = loader.best_concurrency().await;
    let mut loads = vec![loader.full_run(concurrency).await];
    let mut drains = Vec::new();
    for round in 0..ROUNDS {
        drains.push(drain(&entries).await);
        loads.push(loader.full_run(concurrency).await);
        let adjacent_loads = mean(&loads[round..]);
        println!(
            "ratio to the loader just before and after: {:.2}",
            drains[round] / adjacent_loads
        );
    }
    let best = loads.iter().copied().fold(0.0, f64::max);
    println!(
        "consumer {:.0}/s, loader {:.0}/s: ratio {:.2}; against the loader's best run: {:.2}",
        mean(&drains),
        mean(&loads),
        mean(&drains) / mean(&loads),
        mean(&drains) / best,
    );
}

/// The bare loader and its documents.
struct Loader {
    batches: Arc<Vec<Batch>>,
    /// An entry that a consumer writes before the loader runs, so that LogPulse creates the table
    /// and the index.
    first: LogEntry,
}

impl Loader {
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
        backlog::publish(cluster.setting("QUEUE_URL"), std::slice::from_ref(&self.first)).await;
        let consumer = start_consumer(&cluster);
        while entries_written(&consumer).await < 1 {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        assert!(consumer.terminate().success());
        let seconds = loader::load(&sinks, &self.batches, count, concurrency).await;
        sinks.assert_count(count + 1).await;
        cluster.remove().await;
        count as f64 / seconds
    }
}

/// Warms up OpenSearch's JVM with a drain. Returns the documents that the consumer wrote, which the
/// loader writes again.
async fn warm_up(entries: &[LogEntry]) -> HashMap<String, Box<RawValue>> {
    let cluster = Cluster::fresh().await;
    println!("warming up:");
    drain_into(&cluster, entries).await;
    let documents = Sinks::of(&cluster, entries[0].id).documents().await;
    assert_eq!(documents.len(), entries.len());
    cluster.remove().await;
    documents
}

/// Drains the backlog into new sinks; returns entries per second.
async fn drain(entries: &[LogEntry]) -> f64 {
    let cluster = Cluster::fresh().await;
    let rate = drain_into(&cluster, entries).await;
    cluster.remove().await;
    rate
}

/// Drains the backlog with a consumer at its default settings; returns entries per second, measured
/// from the end of the first batch to the end of the last.
async fn drain_into(cluster: &Cluster, entries: &[LogEntry]) -> f64 {
    backlog::publish(cluster.setting("QUEUE_URL"), entries).await;
    let launched = Instant::now();
    let consumer = start_consumer(cluster);
    let rate = drain_rate(&consumer, entries.len()).await;
    println!(
        "consumer: {rate:.0}/s; {:.1} s from its start, {:.1} s of CPU, peak {} MiB",
        launched.elapsed().as_secs_f64(),
        cpu_seconds(consumer.child.id()),
        consumer.peak_memory_mib(),
    );
    assert!(consumer.terminate().success());
    Sinks::of(cluster, entries[0].id).assert_count(entries.len()).await;
    rate
}

/// Starts the consumer to measure.
fn start_consumer(cluster: &Cluster) -> Server {
    match std::env::var_os("CONSUMER") {
        Some(path) => cluster.start_binary("consumer", Path::new(&path)),
        None => cluster.start("consumer"),
    }
}

fn mean(rates: &[f64]) -> f64 {
    rates.iter().sum::<f64>() / rates.len() as f64
}
