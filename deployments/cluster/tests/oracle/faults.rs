//! The faults, one a run. Each strikes while there is load, and is over when it returns.

use std::time::Duration;

use cluster::{Cluster, Service, opensearch_cut, restart};
use tokio::time::{Instant, sleep};

use crate::cuts;
use crate::reads;
use crate::scene::{Scene, counted};
use crate::verdict::Complaints;

/// For how long a service is away.
const AWAY: Duration = Duration::from_secs(20);

/// How long a member of the group works before it leaves.
const TERM: Duration = Duration::from_secs(4);

const ENTRIES: &str = "consumer_entries_total";
const RETRIES: &str = "consumer_retries_total";

/// What happens in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The consumer is killed (-9) every few seconds, and started again.
    Kill,
    /// Three consumers join and leave all the time.
    Rebalance,
    /// Kafka is restarted, then killed.
    Kafka,
    /// MySQL is stopped.
    MySql,
    /// OpenSearch is stopped.
    OpenSearch,
    /// OpenSearch's connections are cut in the middle of an answer, again and again.
    Cut,
    /// Redis is stopped, and entries are read.
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

    /// The run's name.
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

    /// How often it must be felt: less is no test.
    pub(crate) fn least_felt(self, length: Duration) -> u64 {
        match self {
            Self::Kill | Self::Rebalance => (length.as_secs() / 30).max(1),
            Self::Kafka | Self::MySql | Self::OpenSearch | Self::Cut => 1,
            Self::Redis => 100,
        }
    }

    /// A cluster that the fault can strike.
    pub(crate) async fn cluster(self) -> Cluster {
        let cluster = Cluster::fresh().await;
        if self != Self::Cut {
            return cluster;
        }
        cuts::open().await;
        let index = format!("http://{}?prefix={}-", opensearch_cut(), cluster.name());
        cluster.with("INDEX_URL", &index)
    }

    /// Strikes, and says how often it was felt.
    pub(crate) async fn strike(self, scene: &mut Scene, complaints: &mut Complaints) -> u64 {
        match self {
            Self::Kill => kill(scene).await,
            Self::Rebalance => rebalance(scene, complaints).await,
            Self::Kafka => restart_kafka(scene).await,
            Self::MySql => stop(scene, "mysql").await,
            Self::OpenSearch => stop(scene, "opensearch").await,
            Self::Cut => cut(scene).await,
            Self::Redis => stop_redis(scene, complaints).await,
        }
    }
}

/// By turns while it joins the group and while it writes. Felt: kills of consumers that had written.
async fn kill(scene: &mut Scene) -> u64 {
    let mut kills = 0;
    for turn in 0_u64.. {
        if scene.is_over() {
            break;
        }
        let consumer = &scene.consumers[0];
        // The group waits ten seconds for each that was killed: so long nobody writes.
        while turn % 2 == 1 && counted(consumer, ENTRIES).await == 0 && !scene.is_over() {
            sleep(Duration::from_millis(50)).await;
        }
        sleep(Duration::from_millis(turn * 397 % 2000)).await;
        kills += u64::from(counted(consumer, ENTRIES).await > 0);
        scene.consumers.remove(0).kill();
        scene.add_consumer();
    }
    kills
}

/// The oldest leaves when a new one has come. Felt: those that had written before they left.
async fn rebalance(scene: &mut Scene, complaints: &mut Complaints) -> u64 {
    let mut left = 0;
    while !scene.is_over() {
        sleep(TERM).await;
        left += u64::from(counted(&scene.consumers[0], ENTRIES).await > 0);
        let status = scene.consumers.remove(0).terminate();
        if !status.success() {
            complaints.add("consumers that did not end well", status.to_string());
        }
        scene.add_consumer();
    }
    left
}

/// Felt: requests that were not answered in time.
async fn restart_kafka(scene: &mut Scene) -> u64 {
    scene.pass(0.2).await;
    restart("kafka");
    scene.pass(0.2).await;
    Service::kill("kafka").start();
    scene.pass(0.1).await;
    scene.known.tally().unknown
}

/// Felt: what the consumer tried again.
async fn stop(scene: &mut Scene, service: &'static str) -> u64 {
    scene.pass(0.2).await;
    let service = Service::stop(service);
    sleep(AWAY).await;
    let felt = scene.counted(RETRIES).await;
    service.start();
    felt
}

/// Felt: what the consumer tried again.
async fn cut(scene: &mut Scene) -> u64 {
    let bytes = [300, 5, 1000, 150, 3000];
    for bytes in bytes.into_iter().cycle() {
        if scene.is_over() {
            break;
        }
        cuts::cut_after(bytes).await;
        sleep(Duration::from_secs(2)).await;
        cuts::heal().await;
        sleep(Duration::from_secs(1)).await;
    }
    scene.counted(RETRIES).await
}

/// Felt: reads while it was away.
async fn stop_redis(scene: &mut Scene, complaints: &mut Complaints) -> u64 {
    scene.pass(0.2).await;
    let acknowledged = scene.known.acknowledged();
    // Each is stored when Redis goes.
    scene.pass(0.1).await;
    let redis = Service::stop("redis");
    let felt = reads::until(Instant::now() + AWAY, scene, &acknowledged, complaints).await;
    redis.start();
    let again = Instant::now() + AWAY / 4;
    reads::until(again, scene, &acknowledged, complaints).await;
    felt
}
