//! How fast the consumer of the whole cluster writes a backlog to the store and the index.

use cluster::Cluster;

use crate::backlog;
use crate::process::{Processes, drain_rate};
use crate::report::Sample;
use crate::setup::Setup;

/// Entries in the backlog.
const BACKLOG_ENTRIES: usize = 200_000;

/// Entries that are published at a time, so that they need little memory.
const PUBLISHED_TOGETHER: usize = 100_000;

/// Lets a backlog grow while no consumer runs, then starts the consumer.
pub(crate) async fn measure(setup: &Setup) -> Sample {
    let mut consumer = setup.consumer.lock().await;
    assert!(consumer.take().unwrap().terminate().success());
    publish(&setup.whole, BACKLOG_ENTRIES).await;
    let next = consumer.insert(setup.whole.start("consumer"));
    let [store, index] = setup.sinks.clone();
    let processes = Processes(vec![("consumer", vec![next.child.id()]), store, index]);
    let started = processes.start();
    let rate = drain_rate(next, BACKLOG_ENTRIES).await;
    let (_, cpu) = started.stop(BACKLOG_ENTRIES as f64);
    Sample { rate, latencies: None, cpu }
}

/// Publishes entries to a cluster's queue.
pub(crate) async fn publish(cluster: &Cluster, mut entries: usize) {
    while entries > 0 {
        let count = entries.min(PUBLISHED_TOGETHER);
        backlog::publish(cluster.setting("QUEUE_URL"), &backlog::entries(count)).await;
        entries -= count;
    }
}
