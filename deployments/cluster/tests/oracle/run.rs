//! A run: its processes, the load on them, and access to both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::{Api, Server, unique};
use cluster::Cluster;
use reqwest::StatusCode;
use tokio::time::sleep;

use crate::load::{Ledger, Load};
use crate::memory::MemoryMonitor;
use crate::tail::{Replicas, Tails};

/// How long a process may take to become ready.
const READINESS_TIMEOUT: Duration = Duration::from_mins(1);

/// A cluster under load.
pub(crate) struct Run {
    pub(crate) cluster: Cluster,
    pub(crate) consumers: Vec<Server>,
    /// Two `ingest` processes, then one `get` and one `search`.
    others: Vec<Server>,
    /// The `tail` processes, the oldest first, and their clients.
    tail_servers: Vec<Server>,
    replicas: Replicas,
    pub(crate) tails: Tails,
    /// A client for the first `ingest`, `get` and `search`.
    pub(crate) api: Api,
    pub(crate) memory: MemoryMonitor,
    load: Option<Load>,
    pub(crate) ledger: Arc<Ledger>,
    started: Instant,
    /// How long the load lasts.
    pub(crate) length: Duration,
}

impl Run {
    /// Starts the functions, and the load once they are ready.
    pub(crate) async fn start(cluster: Cluster, consumers: usize, length: Duration) -> Self {
        let memory = MemoryMonitor::start();
        let start = |function: &str| start_function(&cluster, &memory, function);
        let others: Vec<Server> = ["ingest", "ingest", "get", "search"].map(start).into();
        let consumers: Vec<Server> = (0..consumers).map(|_| start("consumer")).collect();
        let tail_servers: Vec<Server> = ["tail", "tail"].map(start).into();
        for server in others.iter().chain(&consumers).chain(&tail_servers) {
            wait_until_ready(server).await;
        }
        let api = |n: usize| {
            let [ingest, get, search] = [n, 2, 3].map(|n: usize| others[n].url.as_str());
            Api::for_functions([ingest, get, search, get])
        };
        let ledger = Arc::new(Ledger::new(unique("oracle")));
        let replicas = Replicas::default();
        set_replicas(&replicas, &tail_servers);
        let tails = Tails::start(&replicas, &ledger.service).await;
        let load = Some(Load::start(&[api(0), api(1)], Arc::clone(&ledger)));
        let api = api(0);
        Self {
            cluster,
            consumers,
            others,
            tail_servers,
            replicas,
            tails,
            api,
            memory,
            load,
            ledger,
            started: Instant::now(),
            length,
        }
    }

    /// Removes the oldest `tail` process after starting another.
    pub(crate) async fn replace_tail(&mut self) -> Server {
        let server = start_function(&self.cluster, &self.memory, "tail");
        wait_until_ready(&server).await;
        self.tail_servers.push(server);
        let oldest = self.tail_servers.remove(0);
        set_replicas(&self.replicas, &self.tail_servers);
        oldest
    }

    /// Starts another consumer.
    pub(crate) fn add_consumer(&mut self) {
        self.consumers.push(start_function(&self.cluster, &self.memory, "consumer"));
    }

    /// Whether the load has lasted long enough.
    pub(crate) fn is_over(&self) -> bool {
        self.started.elapsed() >= self.length
    }

    /// Waits for a fraction of the load's duration.
    pub(crate) async fn wait(&self, fraction: f64) {
        sleep(self.length.mul_f64(fraction)).await;
    }

    /// Ends the load once it has lasted long enough, and waits until all processes are ready.
    /// Returns the duration of the load in seconds.
    pub(crate) async fn end_load(&mut self) -> u64 {
        sleep(self.length.saturating_sub(self.started.elapsed())).await;
        if let Some(load) = self.load.take() {
            load.stop().await;
        }
        let seconds = self.started.elapsed().as_secs();
        for server in self.others.iter().chain(&self.consumers) {
            wait_until_ready(server).await;
        }
        seconds
    }

    /// The sum of a counter over all labels and running consumers.
    pub(crate) async fn consumer_counter(&self, name: &str) -> u64 {
        let mut sum = 0;
        for consumer in &self.consumers {
            sum += counter(consumer, name).await;
        }
        sum
    }

    /// Stops all processes and deletes their data from the services.
    pub(crate) async fn clean_up(self) {
        drop((self.tails, self.consumers, self.others, self.tail_servers));
        self.cluster.remove().await;
    }
}

fn set_replicas(replicas: &Replicas, servers: &[Server]) {
    let url = |server: &Server| format!("{}/logs/tail", server.url);
    *replicas.lock().unwrap() = servers.iter().map(url).collect();
}

fn start_function(cluster: &Cluster, memory: &MemoryMonitor, function: &str) -> Server {
    let server = cluster.start(function);
    memory.add(function, &server);
    server
}

/// The sum of a process's counter over all labels.
pub(crate) async fn counter(server: &Server, name: &str) -> u64 {
    let response = reqwest::get(format!("{}/metrics", server.url)).await.unwrap();
    let text = response.text().await.unwrap();
    let samples = text.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|suffix| suffix.starts_with(['{', ' ']))
    });
    let values = samples.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    values.sum()
}

async fn wait_until_ready(server: &Server) {
    let started = Instant::now();
    loop {
        let response = reqwest::get(format!("{}/readyz", server.url)).await.unwrap();
        if response.status() == StatusCode::OK {
            return;
        }
        let body = response.text().await.unwrap();
        assert!(started.elapsed() < READINESS_TIMEOUT, "{} is not ready: {body}", server.url);
        sleep(Duration::from_millis(200)).await;
    }
}
