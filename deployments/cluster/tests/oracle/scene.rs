//! The scene of a run: the processes that take part, the load on them, and how they are asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::{Api, Server};
use cluster::Cluster;
use reqwest::StatusCode;
use tokio::time::sleep;

use crate::load::{Known, Load};
use crate::memory::Memory;

/// How long a process may take until it says that it is ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster under load.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) consumers: Vec<Server>,
    /// Two of `ingest`, then `get` and `search`.
    others: Vec<Server>,
    /// What `get` and `search` are asked by.
    pub(crate) api: Api,
    pub(crate) memory: Memory,
    load: Option<Load>,
    pub(crate) known: Arc<Known>,
    started: Instant,
    /// For how long there is to be load.
    pub(crate) length: Duration,
}

impl Scene {
    /// Starts the functions, and the load when they are ready.
    pub(crate) async fn set(cluster: Cluster, consumers: usize, length: Duration) -> Self {
        let memory = Memory::watch();
        let start = |function: &str| start(&cluster, &memory, function);
        let others: Vec<Server> = ["ingest", "ingest", "get", "search"].map(start).into();
        let consumers: Vec<Server> = (0..consumers).map(|_| start("consumer")).collect();
        for server in others.iter().chain(&consumers) {
            ready(server).await;
        }
        let api = |n: usize| {
            let [ingest, get, search] = [n, 2, 3].map(|n: usize| others[n].url.as_str());
            Api::of_functions([ingest, get, search, get])
        };
        let load = Load::start(&[api(0), api(1)]);
        let (api, known, started) = (api(0), Arc::clone(&load.known), Instant::now());
        let load = Some(load);
        Self { cluster, consumers, others, api, memory, load, known, started, length }
    }

    /// Starts one more consumer.
    pub(crate) fn add_consumer(&mut self) {
        self.consumers.push(start(&self.cluster, &self.memory, "consumer"));
    }

    /// Whether there was load for long enough.
    pub(crate) fn is_over(&self) -> bool {
        self.started.elapsed() >= self.length
    }

    /// Waits for a part of the run.
    pub(crate) async fn pass(&self, part: f64) {
        sleep(self.length.mul_f64(part)).await;
    }

    /// Ends the load when its time has come; answers for how many seconds there was any.
    pub(crate) async fn end_load(&mut self) -> u64 {
        sleep(self.length.saturating_sub(self.started.elapsed())).await;
        if let Some(load) = self.load.take() {
            load.stop().await;
        }
        let seconds = self.started.elapsed().as_secs();
        for server in self.others.iter().chain(&self.consumers) {
            ready(server).await;
        }
        seconds
    }

    /// A counter of the consumers that run, over all its labels.
    pub(crate) async fn counted(&self, counter: &str) -> u64 {
        let mut sum = 0;
        for consumer in &self.consumers {
            sum += counted(consumer, counter).await;
        }
        sum
    }

    /// The end: every process stops, and what they had on the services goes.
    pub(crate) async fn clear(self) {
        drop((self.consumers, self.others));
        self.cluster.remove().await;
    }
}

fn start(cluster: &Cluster, memory: &Memory, function: &str) -> Server {
    let server = cluster.start(function);
    memory.of(function, &server);
    server
}

/// A counter of a process, over all its labels.
pub(crate) async fn counted(server: &Server, counter: &str) -> u64 {
    let answer = reqwest::get(format!("{}/metrics", server.url)).await.unwrap();
    let text = answer.text().await.unwrap();
    let of_counter = text
        .lines()
        .filter(|line| line.strip_prefix(counter).is_some_and(|rest| rest.starts_with(['{', ' '])));
    let values = of_counter.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    values.sum()
}

async fn ready(server: &Server) {
    let asked = Instant::now();
    loop {
        let answer = reqwest::get(format!("{}/readyz", server.url)).await.unwrap();
        if answer.status() == StatusCode::OK {
            return;
        }
        let answer = answer.text().await.unwrap();
        assert!(asked.elapsed() < PATIENCE, "{} is not ready: {answer}", server.url);
        sleep(Duration::from_millis(200)).await;
    }
}
