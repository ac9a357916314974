//! A run: its processes, the load on them, and access to both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::{Api, Server};
use cluster::Cluster;
use reqwest::StatusCode;
use tokio::time::sleep;

use crate::load::{Ledger, Load};
use crate::memory::MemoryMonitor;

/// How long a process may take to become ready.
const READINESS_TIMEOUT: Duration = Duration::from_mins(1);

/// A cluster under load.
pub(crate) struct Run {
    pub(crate) cluster: Cluster,
    pub(crate) consumers: Vec<Server>,
    /// Two `ingest` processes, then one `get` and one `search`.
    others: Vec<Server>,
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
        for server in others.iter().chain(&consumers) {
            wait_until_ready(server).await;
        }
        let api = |n: usize| {
            let [ingest, get, search] = [n, 2, 3].map(|n: usize| others[n].url.as_str());
            Api::for_functions([ingest, get, search, get])
        };
        let load = Load::start(&[api(0), api(1)]);
        let (api, ledger, started) = (api(0), Arc::clone(&load.ledger), Instant::now());
        let load = Some(load);
        Self { cluster, consumers, others, api, memory, load, ledger, started, length }
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
        drop((self.consumers, self.others));
        self.cluster.remove().await;
    }
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
