//! The faults, one per run. `Fault::inject` injects a fault under load and returns when it is over.

use std::time::Duration;

use cluster::{Cluster, Outage, opensearch_via_toxiproxy, restart};
use tokio::time::{Instant, sleep};

use crate::reads;
use crate::run::{Run, counter};
use crate::toxiproxy;
use crate::violations::Violations;

/// How long an outage lasts.
const OUTAGE: Duration = Duration::from_secs(20);

/// How often the oldest consumer is replaced.
const REPLACEMENT_INTERVAL: Duration = Duration::from_secs(4);

const ENTRIES: &str = "consumer_entries_total";
const RETRIES: &str = "consumer_retries_total";

/// A fault to inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every few seconds, the consumer and a `tail` are killed with SIGKILL and replaced.
    Kill,
    /// Every few seconds, one of three consumers and a `tail` are replaced.
    Rebalance,
    /// Kafka is restarted, and later killed.
    Kafka,
    /// MySQL is stopped.
    MySql,
    /// OpenSearch is stopped.
    OpenSearch,
    /// Connections to OpenSearch are cut repeatedly, in the middle of a response.
    Cut,
    /// Redis is stopped while entries are read.
    Redis,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] = [
        Self::Kill,
        Self::Rebalance,
        Self::Kafka,
        Self::MySql,
        Self::OpenSearch,
        Self::Cut,
        Self::Redis,
    ];

    /// The name of the run.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Rebalance => "rebalance",
            Self::Kafka => "kafka",
            Self::MySql => "mysql",
            Self::OpenSearch => "opensearch",
            Self::Cut => "cut",
            Self::Redis => "redis",
        }
    }

    pub(crate) fn consumers(self) -> usize {
        if self == Self::Rebalance { 3 } else { 1 }
    }

    /// The minimum number of effects of the fault. A run with fewer effects is invalid.
    pub(crate) fn min_effects(self, length: Duration) -> u64 {
        match self {
            Self::Kill | Self::Rebalance => (length.as_secs() / 30).max(1),
            Self::Kafka | Self::MySql | Self::OpenSearch | Self::Cut => 1,
            Self::Redis => 100,
        }
    }

    /// A cluster that the fault can be injected into.
    pub(crate) async fn cluster(self) -> Cluster {
        let cluster = Cluster::fresh().await;
        if self != Self::Cut {
            return cluster;
        }
        toxiproxy::start_proxy().await;
        let index = format!("http://{}?prefix={}-", opensearch_via_toxiproxy(), cluster.name());
        cluster.with("INDEX_URL", &index)
    }

    /// Injects the fault; returns the number of its effects.
    pub(crate) async fn inject(self, run: &mut Run, violations: &mut Violations) -> u64 {
        match self {
            Self::Kill => kill(run).await,
            Self::Rebalance => rebalance(run, violations).await,
            Self::Kafka => restart_kafka(run).await,
            Self::MySql => stop(run, "mysql").await,
            Self::OpenSearch => stop(run, "opensearch").await,
            Self::Cut => cut(run).await,
            Self::Redis => stop_redis(run, violations).await,
        }
    }
}

/// Kills each consumer while it joins the group or while it writes, alternately. Returns the number
/// of killed consumers that had written entries.
async fn kill(run: &mut Run) -> u64 {
    let mut kills = 0;
    for turn in 0_u64.. {
        if run.is_over() {
            break;
        }
        let consumer = &run.consumers[0];
        // The partitions of a killed consumer are reassigned after ten seconds. Until then,
        // nothing is written.
        while turn % 2 == 1 && counter(consumer, ENTRIES).await == 0 && !run.is_over() {
            sleep(Duration::from_millis(50)).await;
        }
        sleep(Duration::from_millis(turn * 397 % 2000)).await;
        kills += u64::from(counter(consumer, ENTRIES).await > 0);
        run.consumers.remove(0).kill();
        run.add_consumer();
        run.replace_tail().await.kill();
    }
    kills
}

/// Replaces the oldest consumer every few seconds. Returns the number of replaced consumers that
/// had written entries.
async fn rebalance(run: &mut Run, violations: &mut Violations) -> u64 {
    let mut replaced = 0;
    while !run.is_over() {
        sleep(REPLACEMENT_INTERVAL).await;
        replaced += u64::from(counter(&run.consumers[0], ENTRIES).await > 0);
        let status = run.consumers.remove(0).terminate();
        if !status.success() {
            violations.add("consumers that exited with an error", status.to_string());
        }
        run.add_consumer();
        let status = run.replace_tail().await.terminate();
        if !status.success() {
            violations.add("tails that exited with an error", status.to_string());
        }
    }
    replaced
}

/// Restarts Kafka, and kills it later. Returns the number of entries with an unknown outcome.
async fn restart_kafka(run: &mut Run) -> u64 {
    run.wait(0.2).await;
    restart("kafka");
    run.wait(0.2).await;
    Outage::kill("kafka").end();
    run.wait(0.1).await;
    run.ledger.tally().unknown
}

/// Stops a service for a while. Returns the number of retries by the consumer.
async fn stop(run: &mut Run, service: &'static str) -> u64 {
    run.wait(0.2).await;
    let outage = Outage::stop(service);
    sleep(OUTAGE).await;
    let effects = run.consumer_counter(RETRIES).await;
    outage.end();
    effects
}

/// Cuts connections repeatedly. Returns the number of retries by the consumer.
async fn cut(run: &mut Run) -> u64 {
    for bytes in [300, 5, 1000, 150, 3000].into_iter().cycle() {
        if run.is_over() {
            break;
        }
        toxiproxy::cut_after(bytes).await;
        sleep(Duration::from_secs(2)).await;
        toxiproxy::reset().await;
        sleep(Duration::from_secs(1)).await;
    }
    run.consumer_counter(RETRIES).await
}

/// Stops Redis for a while. Returns the number of successful reads during the outage.
async fn stop_redis(run: &mut Run, violations: &mut Violations) -> u64 {
    run.wait(0.2).await;
    let acknowledged = run.ledger.acknowledged();
    // Give the consumer time to store them all.
    run.wait(0.1).await;
    let outage = Outage::stop("redis");
    let effects = reads::read_until(Instant::now() + OUTAGE, run, &acknowledged, violations).await;
    outage.end();
    let end = Instant::now() + OUTAGE / 4;
    reads::read_until(end, run, &acknowledged, violations).await;
    effects
}
