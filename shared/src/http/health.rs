//! What every function answers about itself: alive, ready, its metrics, and `/ping`.
//! Orchestrators and Prometheus ask a process directly; only `/ping` is for clients.

use std::time::Duration;

use futures_util::future::join_all;
use poem::http::StatusCode;
use poem_openapi::{ApiResponse, Object, OpenApi, Tags, payload::PlainText};
use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    function::{Function, Requirement},
    json::Json,
    problem::{Problem, ProblemResponse, Problems},
};
use crate::telemetry;

/// What orchestrators and Prometheus ask of the process itself: not counted by the rate limit.
pub(super) const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// How long a port may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// The runtime's own operations.
pub(super) struct Health {
    requirements: Vec<Requirement>,
    shutdown: CancellationToken,
}

/// The function that asks the others' ports.
pub(super) fn function(functions: &[Function], shutdown: CancellationToken) -> Function {
    let requirements = functions.iter().flat_map(|function| &function.requirements);
    let health = Health { requirements: requirements.cloned().collect(), shutdown };
    Function::new("runtime", health)
}

#[derive(Tags)]
enum Tag {
    /// What a process says about itself.
    Runtime,
}

/// The answer to a ping.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
struct Pong {
    /// Always `pong`.
    message: String,
}

impl poem_openapi::types::Example for Pong {
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

impl poem_openapi::types::Example for Alive {
    fn example() -> Self {
        Self { status: "alive".to_owned() }
    }
}

/// The process can do its work.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(example)]
struct Readiness {
    /// Always `ready`.
    status: String,
    /// The ports that were asked; all of them answered.
    ports: Vec<String>,
}

impl poem_openapi::types::Example for Readiness {
    fn example() -> Self {
        Self { status: "ready".to_owned(), ports: vec!["queue".to_owned()] }
    }
}

/// The metrics of the process.
#[derive(ApiResponse)]
enum Metrics {
    /// The text format of Prometheus.
    #[oai(status = 200, content_type = "text/plain; version=0.0.4; charset=utf-8")]
    Text(PlainText<String>),
}

struct NotReady;

impl Problems for NotReady {
    const LIST: &'static [(StatusCode, &'static str)] = &[(
        StatusCode::SERVICE_UNAVAILABLE,
        "A port does not answer within two seconds (the detail names it), or the process is \
         shutting down.",
    )];
}

#[OpenApi(tag = "Tag::Runtime")]
impl Health {
    /// Ping
    ///
    /// Shows a client that the service can be reached. Counted by the rate limit.
    #[oai(path = "/ping", method = "get", operation_id = "ping")]
    async fn ping(&self) -> Json<Pong> {
        Json(poem_openapi::types::Example::example())
    }

    /// Liveness
    ///
    /// The process is alive, whatever the state of the services behind it: a reason to restart it
    /// is no answer. Not limited, and not reached through the proxy.
    #[oai(path = "/healthz", method = "get", operation_id = "healthz")]
    async fn healthz(&self) -> Json<Alive> {
        Json(poem_openapi::types::Example::example())
    }

    /// Readiness
    ///
    /// Asks the ports that the process needs whether they can do their work now: a reason to send
    /// it no requests for a while. Not limited, and not reached through the proxy.
    #[oai(path = "/readyz", method = "get", operation_id = "readyz")]
    async fn readyz(&self) -> Result<Json<Readiness>, ProblemResponse<NotReady>> {
        if self.shutdown.is_cancelled() {
            return Err(not_ready("the process is shutting down").into());
        }
        let answers = join_all(self.requirements.iter().map(answers)).await;
        let silent: Vec<&str> = answers.iter().filter_map(|answer| answer.err()).collect();
        if !silent.is_empty() {
            return Err(not_ready(&format!("no answer from: {}", names(silent).join(", "))).into());
        }
        let asked = self.requirements.iter().map(|required| required.name);
        Ok(Json(Readiness { status: "ready".to_owned(), ports: names(asked.collect()) }))
    }

    /// Metrics
    ///
    /// The figures of this process in the text format of Prometheus. Not limited, and not reached
    /// through the proxy.
    #[oai(path = "/metrics", method = "get", operation_id = "metrics")]
    async fn metrics(&self) -> Metrics {
        Metrics::Text(PlainText(telemetry::render_metrics()))
    }
}

/// The name of the port, as an error if it does not answer.
async fn answers(required: &Requirement) -> Result<&'static str, &'static str> {
    let Requirement { name, port } = required;
    let error = match timeout(PATIENCE, port.ready()).await {
        Ok(Ok(())) => return Ok(name),
        Ok(Err(error)) => anyhow::Error::from(error),
        Err(late) => anyhow::Error::from(late),
    };
    tracing::warn!(port = name, error = format!("{error:#}"), "not ready");
    Err(name)
}

fn not_ready(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

/// Each name once, in order: two functions may need the same port.
fn names(names: Vec<&str>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}
