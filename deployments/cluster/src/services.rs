//! The backing services that `make services` starts, and simulated outages.

use std::io::{Write, stderr};
use std::process::{Command, Output};

/// The root of the repository.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The address of Kafka.
#[must_use]
pub fn kafka() -> String {
    address("KAFKA_PORT", 9094)
}

/// The address of MySQL.
#[must_use]
pub fn mysql() -> String {
    address("MYSQL_PORT", 3306)
}

/// The address of OpenSearch.
#[must_use]
pub fn opensearch() -> String {
    address("OPENSEARCH_PORT", 9200)
}

/// The address of Redis.
#[must_use]
pub fn redis() -> String {
    address("REDIS_PORT", 6379)
}

/// The address of toxiproxy's API.
#[must_use]
pub fn toxiproxy() -> String {
    address("TOXIPROXY_PORT", 8474)
}

/// The address of OpenSearch behind toxiproxy.
#[must_use]
pub fn opensearch_via_toxiproxy() -> String {
    address("OPENSEARCH_CUT_PORT", 19200)
}

fn address(variable: &str, default: u16) -> String {
    let port = std::env::var(variable).map_or(default, |port| port.parse().unwrap());
    format!("127.0.0.1:{port}")
}

/// Whether to skip a test that needs the services: true unless `LOGPULSE_TEST_SERVICES=required`
/// (`make test-services`). A skip is reported on standard error.
#[must_use]
pub fn skip_without_services(test: &str) -> bool {
    let required = std::env::var("LOGPULSE_TEST_SERVICES").is_ok_and(|value| value == "required");
    if !required {
        skip(test, "run it with `make test-services`");
    }
    !required
}

/// The address of the running cluster, from `BASE_URL`. If it is not set, reports on standard error
/// that the test is skipped.
#[must_use]
pub fn base_url(test: &str) -> Option<String> {
    let url = std::env::var("BASE_URL").ok();
    if url.is_none() {
        skip(
            test,
            "start the cluster with `make run`, then run `make test-cluster` or `make test-load`",
        );
    }
    url.map(|url| url.trim_end_matches('/').to_owned())
}

/// Reports a skipped test, bypassing the output capture of the test runner.
pub fn skip(test: &str, how_to_run: &str) {
    let _ = writeln!(stderr(), "{test}: skipped; {how_to_run}");
}

/// The `docker compose` arguments that start services and wait until they are healthy.
const COMPOSE_UP: &[&str] = &["up", "-d", "--wait"];

/// An outage of a service. Dropping it restores the service.
pub struct Outage {
    service: &'static str,
    restore: &'static [&'static str],
}

impl Outage {
    /// Stops the service gracefully: connections are closed and refused.
    #[must_use]
    pub fn stop(service: &'static str) -> Self {
        run_compose(&["stop", service]);
        Self { service, restore: COMPOSE_UP }
    }

    /// Freezes the service, so that it accepts connections but never responds.
    #[must_use]
    pub fn pause(service: &'static str) -> Self {
        run_compose(&["pause", service]);
        Self { service, restore: &["unpause"] }
    }

    /// Kills the service with SIGKILL.
    #[must_use]
    pub fn kill(service: &'static str) -> Self {
        run_compose(&["kill", service]);
        Self { service, restore: COMPOSE_UP }
    }

    /// Restores the service and waits until it is healthy.
    pub fn end(self) {
        drop(self);
    }
}

/// Starts a service that `make services` does not start, and waits until it is healthy.
pub fn start(service: &str) {
    run_compose(&[COMPOSE_UP, &[service]].concat());
}

/// Restarts a service and waits until it is healthy.
pub fn restart(service: &str) {
    run_compose(&["restart", service]);
    start(service);
}

impl Drop for Outage {
    fn drop(&mut self) {
        run_compose(&[self.restore, &[self.service]].concat());
    }
}

/// MySQL in read-only mode. Dropping this makes it writable again.
pub struct ReadOnlyMySql(());

impl ReadOnlyMySql {
    /// Makes MySQL reject writes by all users, including root.
    #[must_use]
    pub fn enable() -> Self {
        let enabled = Self(());
        in_mysql("SET GLOBAL super_read_only = 1");
        enabled
    }
}

impl Drop for ReadOnlyMySql {
    fn drop(&mut self) {
        // This also resets `super_read_only`.
        in_mysql("SET GLOBAL read_only = 0");
    }
}

/// Runs SQL in the MySQL container, for callers that cannot await.
fn in_mysql(sql: &str) {
    let client = r#"exec mysql -uroot -p"$MYSQL_ROOT_PASSWORD" -e "$0""#;
    run_compose(&["exec", "-T", "mysql", "sh", "-c", client, sql]);
}

/// The ids of the running containers of a function or service.
#[must_use]
pub fn replicas(name: &str) -> Vec<String> {
    run_compose(&["ps", "-q", name]).lines().map(str::to_owned).collect()
}

/// Runs `docker` and returns its output.
#[allow(clippy::must_use_candidate, reason = "many commands are run for their side effects")]
pub fn docker(arguments: &[&str]) -> String {
    expect_success(Command::new("docker").args(arguments).output().unwrap(), arguments)
}

/// Runs a Makefile target and returns its output.
#[allow(clippy::must_use_candidate, reason = "many targets are run for their side effects")]
pub fn make(target: &[&str]) -> String {
    expect_success(Command::new("make").args(target).current_dir(ROOT).output().unwrap(), target)
}

/// Runs `docker compose` for the cluster.
#[must_use]
pub fn compose(arguments: &[&str]) -> Output {
    let mut docker = Command::new("docker");
    docker.current_dir(ROOT);
    docker.args(["compose", "--env-file", ".env", "-f", "deployments/compose.yaml"]);
    docker.args(["--profile", "test"]).args(arguments).output().unwrap()
}

fn run_compose(arguments: &[&str]) -> String {
    expect_success(compose(arguments), arguments)
}

fn expect_success(Output { status, stdout, stderr }: Output, arguments: &[&str]) -> String {
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}
