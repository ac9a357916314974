//! The functions as processes of their own on the services that `make services` starts, for tests.
//! Each [`Cluster`] has a topic, a database and indexes of its own there, which go with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "everything here is a test's, and stops where something is wrong"
)]

mod binaries;
mod services;
mod topic;
mod wait;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use acceptance::{Api, Server};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};
use uuid::Uuid;

pub use services::{
    ReadOnlyMySql, Service, base_url, compose, docker, kafka, left_out, make, mysql, opensearch,
    opensearch_cut, redis, replicas, restart, start, toxiproxy,
};
pub use topic::Partition;
pub use wait::{RECOVERY_TIMEOUT, round_trip, wait_until};

/// Names on the services that no other test has, and what its functions are told.
pub struct Cluster {
    name: String,
    settings: HashMap<String, String>,
    logs: PathBuf,
}

impl Cluster {
    /// A cluster on empty services: nothing is there but its database, which its user may not make.
    pub async fn fresh() -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        on_mysql(&format!("CREATE DATABASE {name}")).await;
        let settings = [
            ("QUEUE_URL", format!("kafka://{}/{name}?group={name}", kafka())),
            ("STORE_URL", format!("mysql://root:logpulse@{}/{name}", mysql())),
            ("INDEX_URL", format!("http://{}?prefix={name}-", opensearch())),
            ("CACHE_URL", format!("redis://{}?prefix={name}", redis())),
            ("RATE_LIMIT_ENABLED", "false".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        let logs = binaries::folder().join("cluster-logs").join(&name);
        fs::create_dir_all(&logs).unwrap();
        Self { name, settings, logs }
    }

    /// The name of its topic, its group and its database, and what its indexes begin with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What functions that start from now on are told.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.settings.insert(variable.to_owned(), value.to_owned());
        self
    }

    /// The value of a setting.
    #[must_use]
    pub fn setting(&self, variable: &str) -> &str {
        &self.settings[variable]
    }

    /// Starts a function, and answers when it serves. Its log is a file.
    #[must_use]
    pub fn start(&self, function: &str) -> Server {
        Server::start_function(&mut self.command(function), &self.new_log(function))
    }

    /// Starts a function from a file of its own, such as the one in its image.
    #[must_use]
    pub fn start_file(&self, function: &str, file: &Path) -> Server {
        let mut command = Command::new(file);
        command.env_clear().envs(&self.settings);
        Server::start_function(&mut command, &self.new_log(function))
    }

    /// Starts a function that is told nothing but these settings.
    #[must_use]
    pub fn start_with_only(&self, function: &str, settings: &[&str]) -> Server {
        let settings = settings.iter().map(|name| (name, self.setting(name)));
        Server::start_function(function_alone(function).envs(settings), &self.new_log(function))
    }

    fn new_log(&self, function: &str) -> PathBuf {
        self.logs.join(format!("{function}-{}.log", Uuid::now_v7().simple()))
    }

    /// Starts one of each function; they stop with the second part of the answer.
    #[must_use]
    pub fn start_all(&self) -> (Api, Vec<Server>) {
        let servers: Vec<Server> =
            ["ingest", "get", "search", "docs", "consumer"].map(|name| self.start(name)).into();
        let [ingest, get, search, docs] = [0, 1, 2, 3].map(|n: usize| servers[n].url.as_str());
        (Api::of_functions([ingest, get, search, docs]), servers)
    }

    /// What the processes of a function have logged.
    #[must_use]
    pub fn log(&self, function: &str) -> String {
        let logs = fs::read_dir(&self.logs).unwrap().map(|log| log.unwrap());
        let of_function =
            logs.filter(|log| log.file_name().to_string_lossy().starts_with(function));
        of_function.map(|log| fs::read_to_string(log.path()).unwrap()).collect()
    }

    /// Runs `consumer dead-letters list` or `replay`.
    #[must_use]
    pub fn dead_letters(&self, command: &str) -> String {
        let Output { status, stdout, stderr } =
            self.command("consumer").args(["dead-letters", command]).output().unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    fn command(&self, function: &str) -> Command {
        let mut command = function_alone(function);
        command.envs(&self.settings);
        command
    }

    /// Takes away what it has on the services.
    pub async fn remove(self) {
        on_mysql(&format!("DROP DATABASE {}", self.name)).await;
        let http = reqwest::Client::new();
        for path in ["", "_index_template/"] {
            let ours = format!("http://{}/{path}{}-*", opensearch(), self.name);
            http.delete(ours).send().await.unwrap();
        }
        let delete = ["--bootstrap-server", "localhost:9092", "--delete", "--topic"];
        let script = "/opt/kafka/bin/kafka-topics.sh";
        let topics = format!("{}.*", self.name);
        let _ = compose(&[&["exec", "-T", "kafka", script], &delete[..], &[&topics]].concat());
        let _ = fs::remove_dir_all(&self.logs);
    }
}

/// A function that is told nothing yet.
#[must_use]
pub fn function_alone(function: &str) -> Command {
    let mut command = Command::new(binaries::path(function));
    command.env_clear();
    command
}

/// Runs SQL as MySQL's root.
pub async fn on_mysql(sql: &str) {
    let url = format!("mysql://root:logpulse@{}", mysql());
    let mut server = MySqlConnection::connect(&url).await.unwrap();
    server.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
}
