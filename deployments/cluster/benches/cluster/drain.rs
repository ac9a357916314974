//! How fast the consumer of the whole cluster writes a backlog to the store and the index.

use cluster::Cluster;

use crate::backlog;
use crate::process::{Processes, drain_rate};
use crate::report::Sample;
use crate::setup::{Setup, wait_for_merges};

/// Entries in the backlog.
const BACKLOG_ENTRIES: usize = 200_000;

/// Entries that are published at a time, so that they need little memory.
const PUBLISHED_TOGETHER: usize = 100_000;

/// Drains a backlog, and measures the CPU of the consumer and of both sinks.
pub(crate) async fn measure(setup: &Setup) -> Sample {
    let [store, index] = setup.sinks.clone();
    let consumer = &setup.consumer;
    let processes = Processes(vec![("consumer", vec![consumer.child.id()]), store, index]);
    let started = processes.start();
    let publish = publish(&setup.whole, BACKLOG_ENTRIES);
    let rate = drain_rate(consumer, BACKLOG_ENTRIES, publish).await;
    let (_, cpu) = started.stop(BACKLOG_ENTRIES as f64);
    wait_for_merges(&setup.whole).await;
    Sample { rate, latencies: None, cpu }
}

/// Publishes entries to a cluster's queue.
pub(crate) async fn publish(cluster: &Cluster, mut entries: usize) {
    while entries > 0 {
        let count = entries.min(PUBLISHED_TOGETHER);
        let records = backlog::records(&backlog::entries(count));
        backlog::publish(cluster.setting("QUEUE_URL"), records).await;
        entries -= count;
    }
}
