//! Serve a function: listener, health, rate limit, problems, the OpenAPI document.
//! A function is an API of poem-openapi and the ports that it needs; everything else is here.

mod client;
mod connection;
mod connections;
mod document;
mod failure;
mod function;
mod health;
mod json;
mod listener;
mod problem;
mod rate_limit;
mod routes;
mod runtime;
mod tag;
mod upload;

use std::io::ErrorKind;

use anyhow::Context;
use poem::{Endpoint, IntoEndpoint, Response};
use poem_openapi::OpenApiService;
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio_util::sync::CancellationToken;

pub use client::{Client, ClientKey, TrustedProxies};
pub use document::{document, document_of, join, to_text};
pub use function::Function;
pub use json::Json;
pub use listener::serve_on;
pub use problem::{PROBLEM_JSON, Problem, ProblemResponse, Problems};
pub use rate_limit::RateLimit;
pub use tag::Tag;
pub use upload::{BodyContent, BodyLimits, DecodedBody, EncodedBody, Upload};

use crate::{config::HttpConfig, telemetry};

/// How many connections may wait to be accepted; the system may have a lower bound.
const BACKLOG: u32 = 4096;

/// Serves the functions on the address of the settings until `shutdown` is cancelled.
///
/// # Errors
/// When two functions answer the same request, or the address cannot be listened on.
pub async fn serve(
    functions: Vec<Function>,
    config: &HttpConfig,
    rate_limit: Option<RateLimit>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let endpoint = endpoint(functions, config, rate_limit, &shutdown)?;
    let listener = bind(config).await?;
    serve_on(listener, endpoint, config.shutdown_timeout, shutdown).await
}

/// Listens on the address of the settings.
///
/// # Errors
/// When the address is in use or not ours.
pub async fn bind(config: &HttpConfig) -> anyhow::Result<TcpListener> {
    let listening = async {
        let mut addresses = lookup_host((config.host.as_str(), config.port)).await?;
        let address = addresses.next().ok_or(ErrorKind::NotFound)?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listening
        .await
        .with_context(|| format!("listening on {}:{} (HOST, PORT)", config.host, config.port))
}

/// Everything but the socket: the functions' operations, the runtime's own, and what happens around
/// them.
///
/// # Errors
/// When two functions answer the same request.
pub fn endpoint(
    mut functions: Vec<Function>,
    config: &HttpConfig,
    rate_limit: Option<RateLimit>,
    shutdown: &CancellationToken,
) -> anyhow::Result<impl Endpoint<Output = Response> + use<>> {
    telemetry::record_metrics();
    functions.push(health::function(&functions, shutdown.clone()));
    let (operations, routes) = routes::join(functions)?;
    Ok(runtime::Runtime {
        // What the service documents is asked of `document`; here it is the router.
        operations: OpenApiService::new(operations, "", "").into_endpoint(),
        routes,
        proxies: TrustedProxies::new(config.trusted_proxies.clone()),
        rate_limit,
    })
}
