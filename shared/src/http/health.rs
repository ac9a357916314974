//! The operations that every function has: liveness, readiness, metrics and `/ping`.
//! Orchestrators and Prometheus call a process directly; only `/ping` is for clients.

use std::time::Duration;

use futures_util::future::join_all;
use poem::http::StatusCode;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi, Tags, payload::PlainText};
use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::function::{Function, Requirement};
use super::json::Json;
use super::problem::{Problem, chain};
use super::problem_response::{ProblemResponse, Problems};
use super::schema::{DiskState, IndexState};
use crate::{disk, telemetry};

/// The paths for orchestrators and Prometheus, which are not rate limited.
pub(super) const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// How long a port may take to report its readiness.
const READINESS_TIMEOUT: Duration = Duration::from_secs(2);

/// The operations of the runtime.
pub(super) struct Health {
    requirements: Vec<Requirement>,
    shutdown: CancellationToken,
}

/// The function with these operations. Its readiness covers the ports of `functions`.
pub(super) fn function(functions: &[Function], shutdown: CancellationToken) -> Function {
    let requirements = functions.iter().flat_map(|function| &function.requirements);
    let health = Health { requirements: requirements.cloned().collect(), shutdown };
    Function::new("runtime", health)
}

#[derive(Tags)]
enum Tag {
    /// The state of a process.
    Runtime,
}

/// The response to a ping.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
struct Pong {
    /// Always `pong`.
    message: String,
}

impl Example for Pong {
    fn example() -> Self {
        Self { message: "pong".to_owned() }
    }
}

/// The process is alive.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
struct Alive {
    /// Always `alive`.
    status: String,
}

impl Example for Alive {
    fn example() -> Self {
        Self { status: "alive".to_owned() }
    }
}

/// The process is ready.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
struct Readiness {
    /// Always `ready`.
    status: String,
    /// The ports that the process requires. All of them are ready.
    ports: Vec<String>,
    /// `rebuilding` while the index is being built from the store: searches may miss hits. Absent
    /// once it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    index: Option<IndexState>,
    /// Why the disk needs attention: `low`, `refusing` or `dropping`. Otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    disk: Option<DiskState>,
}

impl Example for Readiness {
    fn example() -> Self {
        Self {
            status: "ready".to_owned(),
            ports: vec!["queue".to_owned()],
            index: None,
            disk: None,
        }
    }
}

/// The metrics of the process.
#[derive(ApiResponse)]
enum Metrics {
    /// The Prometheus text format.
    #[oai(status = 200, content_type = "text/plain; version=0.0.4; charset=utf-8")]
    Text(PlainText<String>),
}

struct NotReady;

impl Problems for NotReady {
    const LIST: &'static [(StatusCode, &'static str)] = &[(
        StatusCode::SERVICE_UNAVAILABLE,
        "A port is not ready within two seconds (`detail` names it), or the process is shutting \
         down.",
    )];
}

#[OpenApi(tag = "Tag::Runtime")]
impl Health {
    /// Ping
    ///
    /// Shows that the service is reachable. Counts toward the rate limit.
    #[oai(path = "/ping", method = "get", operation_id = "ping")]
    async fn ping(&self) -> Json<Pong> {
        Json(Example::example())
    }

    /// Liveness
    ///
    /// Succeeds while the process runs, regardless of the services behind it. Restart a process
    /// that does not respond. Not rate limited, and not reachable through the proxy.
    #[oai(path = "/healthz", method = "get", operation_id = "getLiveness")]
    async fn healthz(&self) -> Json<Alive> {
        Json(Example::example())
    }

    /// Readiness
    ///
    /// Checks the ports that the process requires. Send no requests to a process that is not ready.
    /// Not rate limited, and not reachable through the proxy.
    #[oai(path = "/readyz", method = "get", operation_id = "getReadiness")]
    async fn readyz(&self) -> Result<Json<Readiness>, ProblemResponse<NotReady>> {
        if self.shutdown.is_cancelled() {
            return Err(not_ready("the process is shutting down").into());
        }
        let state = self.requirements.iter().find_map(|required| required.port.disk_state());
        let is_too_full = state.is_some_and(|state| state != disk::DiskState::Low);
        let disk = state.map(DiskState::from);
        let checks = join_all(self.requirements.iter().map(check)).await;
        let failures: Vec<(&str, String)> = checks.into_iter().filter_map(Result::err).collect();
        if !failures.is_empty() {
            let ports = unique_names(failures.iter().map(|(port, _)| *port)).join(", ");
            let causes: Vec<String> = failures.into_iter().map(|(_, cause)| cause).collect();
            let reason = if is_too_full { "; too little of the disk is free" } else { "" };
            return Err(not_ready(&format!("not ready: {ports}{reason}"))
                .caused_by(causes.join("; "))
                .into());
        }
        let ports = unique_names(self.requirements.iter().map(|required| required.name));
        let is_rebuilding = self.requirements.iter().any(|required| required.port.is_rebuilding());
        let index = is_rebuilding.then_some(IndexState::Rebuilding);
        Ok(Json(Readiness { status: "ready".to_owned(), ports, index, disk }))
    }

    /// Metrics
    ///
    /// The metrics of this process in the Prometheus text format. Not rate limited, and not
    /// reachable through the proxy.
    #[oai(path = "/metrics", method = "get", operation_id = "getMetrics")]
    async fn metrics(&self) -> Metrics {
        Metrics::Text(PlainText(telemetry::render_metrics()))
    }
}

/// Fails with the port's name and the cause if the port is not ready in time.
async fn check(required: &Requirement) -> Result<(), (&'static str, String)> {
    let Requirement { name, port } = required;
    match timeout(READINESS_TIMEOUT, port.ready()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err((name, chain(&error))),
        Err(_elapsed) => {
            let seconds = READINESS_TIMEOUT.as_secs();
            Err((name, format!("the {name} was not ready within {seconds} s")))
        }
    }
}

fn not_ready(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

/// Returns each name once, in order. Two functions may require the same port.
fn unique_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}
