//! The backing services, where `make services` puts them, and how a test takes one away.

use std::io::{Write, stderr};
use std::process::{Command, Output};

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Where Kafka is.
#[must_use]
pub fn kafka() -> String {
    address("KAFKA_PORT", 9094)
}

/// Where MySQL is.
#[must_use]
pub fn mysql() -> String {
    address("MYSQL_PORT", 3306)
}

/// Where OpenSearch is.
#[must_use]
pub fn opensearch() -> String {
    address("OPENSEARCH_PORT", 9200)
}

/// Where Redis is.
#[must_use]
pub fn redis() -> String {
    address("REDIS_PORT", 6379)
}

/// Where toxiproxy is told what to do.
#[must_use]
pub fn toxiproxy() -> String {
    address("TOXIPROXY_PORT", 8474)
}

/// Where OpenSearch is behind toxiproxy.
#[must_use]
pub fn opensearch_cut() -> String {
    address("OPENSEARCH_CUT_PORT", 19200)
}

fn address(variable: &str, default: u16) -> String {
    let port = std::env::var(variable).map_or(default, |port| port.parse().unwrap());
    format!("127.0.0.1:{port}")
}

/// Whether a test that needs the services is left out, which is said then.
/// `LOGPULSE_TEST_SERVICES=required` (`make test-services`) leaves none out.
#[must_use]
pub fn left_out(test: &str) -> bool {
    let required = std::env::var("LOGPULSE_TEST_SERVICES").is_ok_and(|value| value == "required");
    if !required {
        say_left_out(test, "`make test-services` runs it");
    }
    !required
}

/// Where the whole cluster is: `BASE_URL`. Without it a test is left out, which is said.
#[must_use]
pub fn base_url(test: &str) -> Option<String> {
    let url = std::env::var("BASE_URL").ok();
    if url.is_none() {
        say_left_out(test, "`make run`, then `make test-cluster` and `make test-load` run it");
    }
    url.map(|url| url.trim_end_matches('/').to_owned())
}

/// Past the test runner's capture.
fn say_left_out(test: &str, how: &str) {
    let _ = writeln!(stderr(), "{test}: left out; {how}");
}

/// Starts a service, and waits until it is healthy.
const UP: &[&str] = &["up", "-d", "--wait"];

/// A service that is taken away. It comes back when this is dropped.
pub struct Service {
    name: &'static str,
    /// What brings it back.
    back: &'static [&'static str],
}

impl Service {
    /// Stops it, as its operator would: who connects is told at once.
    #[must_use]
    pub fn stop(name: &'static str) -> Self {
        succeed(&["stop", name]);
        Self { name, back: UP }
    }

    /// Makes it hang: connections stay and new ones are taken, but nobody answers.
    #[must_use]
    pub fn pause(name: &'static str) -> Self {
        succeed(&["pause", name]);
        Self { name, back: &["unpause"] }
    }

    /// `kill -9`: no chance to finish anything.
    #[must_use]
    pub fn kill(name: &'static str) -> Self {
        succeed(&["kill", name]);
        Self { name, back: UP }
    }

    /// Brings it back, and waits until it is healthy.
    pub fn start(self) {
        drop(self);
    }
}

/// Starts a service that `make services` leaves out, and waits until it is healthy.
pub fn start(name: &str) {
    succeed(&[UP, &[name]].concat());
}

/// Stops and starts a service in one go, and waits until it is healthy.
pub fn restart(name: &str) {
    succeed(&["restart", name]);
    start(name);
}

impl Drop for Service {
    fn drop(&mut self) {
        succeed(&[self.back, &[self.name]].concat());
    }
}

/// MySQL as its operator blocks it for writing. It can be written again when this is dropped.
pub struct ReadOnlyMySql(());

impl ReadOnlyMySql {
    /// Blocks it for everybody, root too.
    #[must_use]
    pub fn block() -> Self {
        let blocked = Self(());
        in_mysql("SET GLOBAL super_read_only = 1");
        blocked
    }
}

impl Drop for ReadOnlyMySql {
    fn drop(&mut self) {
        // It takes `super_read_only` with it.
        in_mysql("SET GLOBAL read_only = 0");
    }
}

/// Runs SQL in MySQL's container, where nothing must be awaited.
fn in_mysql(sql: &str) {
    let client = r#"exec mysql -uroot -p"$MYSQL_ROOT_PASSWORD" -e "$0""#;
    succeed(&["exec", "-T", "mysql", "sh", "-c", client, sql]);
}

/// The containers of a function or service that run.
#[must_use]
pub fn replicas(name: &str) -> Vec<String> {
    succeed(&["ps", "-q", name]).lines().map(str::to_owned).collect()
}

/// Runs `docker`, and answers what it says.
#[allow(clippy::must_use_candidate, reason = "often it matters only that it is done")]
pub fn docker(arguments: &[&str]) -> String {
    said(Command::new("docker").args(arguments).output().unwrap(), arguments)
}

/// Runs a recipe of the Makefile, and answers what it says.
#[allow(clippy::must_use_candidate, reason = "often it matters only that it is done")]
pub fn make(recipe: &[&str]) -> String {
    said(Command::new("make").args(recipe).current_dir(ROOT).output().unwrap(), recipe)
}

/// Runs `docker compose` on the deployment.
#[must_use]
pub fn compose(arguments: &[&str]) -> Output {
    let mut docker = Command::new("docker");
    docker.current_dir(ROOT);
    docker.args(["compose", "--env-file", ".env", "-f", "deployments/compose.yaml"]);
    docker.args(["--profile", "test"]).args(arguments).output().unwrap()
}

fn succeed(arguments: &[&str]) -> String {
    said(compose(arguments), arguments)
}

fn said(Output { status, stdout, stderr }: Output, arguments: &[&str]) -> String {
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}
