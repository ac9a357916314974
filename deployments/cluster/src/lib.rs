//! Test support: runs the functions as separate processes against the services that `make services`
//! starts. Each [`Cluster`] has its own topic, database and indexes, so that tests do not interfere
//! with each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "test code: a panic fails the test"
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

pub use binaries::functions;
pub use services::{
    Outage, ReadOnlyMySql, base_url, compose, docker, kafka, make, mysql, opensearch,
    opensearch_via_toxiproxy, redis, replicas, restart, skip, skip_without_services, start,
    toxiproxy,
};
pub use topic::Partition;
pub use wait::{RECOVERY_TIMEOUT, round_trip, wait_until};

/// A cluster for one test: a unique name for its resources, and the settings of its functions.
pub struct Cluster {
    name: String,
    settings: HashMap<String, String>,
    logs: PathBuf,
}

impl Cluster {
    /// Creates a cluster without any data. Only its database is created here, because the functions
    /// do not create one.
    pub async fn fresh() -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        on_mysql(&format!("CREATE DATABASE {name}")).await;
        let settings = [
            ("QUEUE_URL", format!("kafka://{}/{name}?group={name}", kafka())),
            ("STORE_URL", format!("mysql://root:logpulse@{}/{name}", mysql())),
            ("INDEX_URL", format!("http://{}?prefix={name}-", opensearch())),
            ("CACHE_URL", format!("redis://{}?prefix={name}", redis())),
            ("RATE_LIMIT_ENABLED", "false".to_owned()),
            ("SYSLOG_PORT", "0".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        let logs = binaries::folder().join("cluster-logs").join(&name);
        fs::create_dir_all(&logs).unwrap();
        Self { name, settings, logs }
    }

    /// The name of the cluster's topic, consumer group and database, and the prefix of its indexes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Changes a setting for functions started afterwards.
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

    /// Starts a function and waits until it is serving. It logs to a file.
    #[must_use]
    pub fn start(&self, function: &str) -> Server {
        self.start_command(function, &mut self.command(function))
    }

    /// Starts a function with this command, which may have other settings.
    #[must_use]
    pub fn start_command(&self, function: &str, command: &mut Command) -> Server {
        Server::start_function(command, &self.new_log(function))
    }

    /// Starts a function from another binary, such as the one in its image.
    #[must_use]
    pub fn start_binary(&self, function: &str, file: &Path) -> Server {
        let mut command = Command::new(file);
        command.env_clear().envs(&self.settings);
        Server::start_function(&mut command, &self.new_log(function))
    }

    /// Starts a function with only these settings.
    #[must_use]
    pub fn start_with_only(&self, function: &str, settings: &[&str]) -> Server {
        let settings = settings.iter().map(|name| (name, self.setting(name)));
        Server::start_function(bare_function(function).envs(settings), &self.new_log(function))
    }

    fn new_log(&self, function: &str) -> PathBuf {
        self.logs.join(format!("{function}-{}.log", Uuid::now_v7().simple()))
    }

    /// Starts one process for each function: first ingest, get, search, docs and the consumer, then
    /// the others. Dropping the servers stops them.
    #[must_use]
    pub fn start_all(&self) -> (Api, Vec<Server>) {
        let first = ["ingest", "get", "search", "docs", "consumer"];
        let mut servers: Vec<Server> = first.map(|name| self.start(name)).into();
        let [ingest, get, search, docs] = [0, 1, 2, 3].map(|n: usize| servers[n].url.as_str());
        let mut api = Api::for_functions([ingest, get, search, docs]);
        for name in functions().iter().filter(|name| !first.contains(&name.as_str())) {
            let server = self.start(name);
            api = api.with_function(name, &server.url);
            servers.push(server);
        }
        (api, servers)
    }

    /// The logs of all processes that ran a function.
    #[must_use]
    pub fn log(&self, function: &str) -> String {
        let logs = fs::read_dir(&self.logs).unwrap().map(|log| log.unwrap());
        let of_function =
            logs.filter(|log| log.file_name().to_string_lossy().starts_with(function));
        of_function.map(|log| fs::read_to_string(log.path()).unwrap()).collect()
    }

    /// Runs `consumer dead-letters list` or `replay`, and returns its output.
    #[must_use]
    pub fn dead_letters(&self, command: &str) -> String {
        let Output { status, stdout, stderr } =
            self.command("consumer").args(["dead-letters", command]).output().unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// A command that runs a function with the cluster's settings.
    #[must_use]
    pub fn command(&self, function: &str) -> Command {
        let mut command = bare_function(function);
        command.envs(&self.settings);
        command
    }

    /// Deletes the cluster's logs, and its data from the services.
    pub async fn remove(self) {
        on_mysql(&format!("DROP DATABASE {}", self.name)).await;
        let http = reqwest::Client::new();
        for path in ["", "_index_template/"] {
            let indexes = format!("http://{}/{path}{}-*", opensearch(), self.name);
            http.delete(indexes).send().await.unwrap();
        }
        let delete = ["--bootstrap-server", "localhost:9092", "--delete", "--topic"];
        let script = "/opt/kafka/bin/kafka-topics.sh";
        let topics = format!("{}.*", self.name);
        let _ = compose(&[&["exec", "-T", "kafka", script], &delete[..], &[&topics]].concat());
        let _ = fs::remove_dir_all(&self.logs);
    }
}

/// A command that runs a function without any settings.
#[must_use]
pub fn bare_function(function: &str) -> Command {
    let mut command = Command::new(binaries::path(function));
    command.env_clear();
    command
}

/// Runs SQL on MySQL as root.
pub async fn on_mysql(sql: &str) {
    let url = format!("mysql://root:logpulse@{}", mysql());
    let mut server = MySqlConnection::connect(&url).await.unwrap();
    server.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
}
