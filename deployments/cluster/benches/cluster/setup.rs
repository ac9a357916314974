//! The processes and the data of a run.

use std::process::Command;
use std::time::Duration;

use acceptance::{Api, Server};
use cluster::{Cluster, compose, docker, opensearch, wait_until};
use flate2::Compression;
use flate2::write::GzEncoder;
use redis::AsyncCommands;
use serde_json::Value;
use shared::queue::{self, Record, RecordPacker};
use shared::{Arrival, NewLogEntry, Timestamp};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::entries::{Rng, batch, entry};
use crate::load::{Body, Target};
use crate::process::{Processes, wait_until_written};
use crate::report::Sample;
use crate::results::settled;
use crate::{BATCH_ENTRIES, drain, floor, number};

/// Entries in each record of the floor for Kafka.
const RECORD_ENTRIES: usize = 100;

/// The largest bucket, which is never empty.
const FULL_BUCKET: &str = "1000000";

/// The running processes, and what is sent to them.
pub(crate) struct Setup {
    /// Without a consumer, which would compete with ingest for the processors.
    intake: Cluster,
    /// With a consumer, for entries that are read.
    pub(crate) whole: Cluster,
    _servers: Vec<Server>,
    kafka: u32,
    pub(crate) floor: Target,
    pub(crate) ingest: Target,
    /// Ingest with a rate limit that never refuses.
    pub(crate) limited: Target,
    /// Ingest with a rate limit that refuses almost every request.
    pub(crate) refusing: Target,
    /// Ingest of the whole cluster.
    pub(crate) saving: Target,
    pub(crate) get: Target,
    pub(crate) search: Target,
    /// The consumer of the whole cluster, and the services that it writes to.
    pub(crate) consumer: Server,
    pub(crate) sinks: [(&'static str, Vec<u32>); 2],
    pub(crate) entry: Body,
    pub(crate) batch: Body,
    pub(crate) gzip: Body,
    /// The path of a cached entry.
    pub(crate) path: String,
}

impl Setup {
    pub(crate) async fn start() -> Self {
        let (intake, whole) = (Cluster::fresh().await, Cluster::fresh().await);
        let (kafka, redis) = (container_pid("kafka"), container_pid("redis"));
        let mut servers = Vec::new();
        let mut target = |name: &'static str, server: Server| {
            let processes = Processes(vec![
                (name, vec![server.child.id()]),
                ("kafka", vec![kafka]),
                ("redis", vec![redis]),
            ]);
            let target = Target { url: server.url.clone(), processes };
            servers.push(server);
            target
        };
        let limited = |capacity: &str, rate: &str| {
            let mut command = intake.command("ingest");
            command.env("RATE_LIMIT_ENABLED", "true");
            command.env("LIMITER_URL", intake.setting("CACHE_URL"));
            command.env("RATE_LIMIT_CAPACITY", capacity).env("RATE_LIMIT_RATE", rate);
            intake.start_command("ingest", &mut command)
        };
        let floor = target("floor", start_floor(&whole));
        let ingest = target("ingest", intake.start("ingest"));
        let refusing = target("ingest", limited("1", "1"));
        let limited = target("ingest", limited(FULL_BUCKET, FULL_BUCKET));
        let saving = target("ingest", whole.start("ingest"));
        let get = target("get", whole.start("get"));
        let search = target("search", whole.start("search"));
        let consumer = whole.start("consumer");
        let sinks = ["mysql", "opensearch"].map(|name| (name, vec![container_pid(name)]));

        let one = entry(&mut Rng::new(1));
        let batch = batch(1, BATCH_ENTRIES);
        let ndjson = "application/x-ndjson";
        let stored = number("STORED", 0);
        if stored > 0 {
            drain::publish(&whole, stored).await;
            wait_until_written(&consumer, stored).await;
            wait_for_merges(&whole).await;
        }
        let path = cached_entry(&saving, &get, &one, whole.setting("CACHE_URL")).await;
        Self {
            kafka,
            floor,
            ingest,
            limited,
            refusing,
            saving,
            get,
            search,
            consumer,
            sinks,
            entry: Body::new(one.as_bytes(), "application/json"),
            batch: Body::new(&batch, ndjson),
            gzip: Body::new(&gzip(&batch), ndjson).encoded("gzip"),
            path,
            _servers: servers,
            intake,
            whole,
        }
    }

    /// Publishes entries at this rate in records of a hundred, the floor for Kafka.
    pub(crate) async fn publish_hundreds(&self, rate: usize, seconds: Duration) -> Sample {
        let url = self.intake.setting("QUEUE_URL").parse().unwrap();
        let queue = queue::open(&url).await.unwrap();
        queue.producer.publish(vec![hundred_entries(&mut Rng::new(2))]).await.unwrap();
        let mut rng = Rng::new(3);
        let mut ticks =
            interval(Duration::from_secs(1) / u32::try_from(rate / RECORD_ENTRIES).unwrap());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let processes = Processes(vec![("kafka", vec![self.kafka])]);
        let started = processes.start();
        let until = Instant::now() + seconds;
        let mut entries = 0;
        while Instant::now() < until {
            ticks.tick().await;
            queue.producer.publish(vec![hundred_entries(&mut rng)]).await.unwrap();
            entries += RECORD_ENTRIES;
        }
        let entries = entries as f64;
        let (elapsed, cpu) = started.stop(entries);
        Sample { rate: entries / elapsed, latencies: None, cpu }
    }

    pub(crate) async fn remove(self) {
        let Self { intake, whole, _servers: servers, consumer, .. } = self;
        drop((servers, consumer));
        intake.remove().await;
        whole.remove().await;
    }
}

/// Waits until OpenSearch no longer merges the segments of what has been stored, which would delay the
/// workloads.
pub(crate) async fn wait_for_merges(cluster: &Cluster) {
    let index = format!("http://{}/{}-*", opensearch(), cluster.name());
    let url = format!("{index}/_stats/merge?filter_path=_all.total.merges.current");
    let merges = async || {
        let stats: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
        stats["_all"]["total"]["merges"]["current"].as_u64().unwrap()
    };
    while settled(&merges).await > 0 {}
}

fn start_floor(cluster: &Cluster) -> Server {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("--serve-floor").env(floor::REDIS, cluster.setting("CACHE_URL"));
    cluster.start_command("floor", &mut command)
}

/// Saves an entry, reads it so that it is cached, and writes it to the floor's key too. Returns its
/// path.
async fn cached_entry(ingest: &Target, get: &Target, entry: &str, redis: &str) -> String {
    let api = Api::new(&ingest.url);
    let saved: Value =
        api.post("/logs", "application/json", entry.as_bytes()).await.json().await.unwrap();
    let id = saved["id"].as_str().unwrap().to_owned();
    let path = format!("/logs/{id}");
    let api = Api::new(&get.url);
    wait_until("the entry is stored", async || api.get(&path).await.status() == 200).await;
    let entry = api.get(&path).await.bytes().await.unwrap();
    let mut redis = redis::Client::open(redis).unwrap().get_connection_manager().await.unwrap();
    let key = format!("{}{id}", floor::KEY_PREFIX);
    redis.set_ex::<_, _, ()>(key, entry.as_ref(), 3600).await.unwrap();
    path
}

fn hundred_entries(rng: &mut Rng) -> Record {
    let arrival = Arrival::new(Timestamp::now());
    let mut packer = RecordPacker::default();
    for position in (0..).take(RECORD_ENTRIES) {
        let new = NewLogEntry::from_json(entry(rng).as_bytes()).unwrap();
        packer.push(&new.arrive(&arrival, position).unwrap(), 1 << 20).unwrap();
    }
    packer.finish().remove(0)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// The process id of a service's container on this machine.
fn container_pid(service: &str) -> u32 {
    let id = String::from_utf8(compose(&["ps", "-q", service]).stdout).unwrap();
    docker(&["inspect", "-f", "{{.State.Pid}}", id.trim()]).trim().parse().unwrap()
}
