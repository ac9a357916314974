//! Serves functions over HTTP.
//!
//! A function is a poem-openapi API and the ports that it requires. A request passes through the
//! server, the router and the middleware to its operation. Errors become problems (RFC 9457).

mod accept_encoding;
mod body;
mod client;
mod document;
mod filters;
mod function;
mod health;
mod json;
mod methods;
mod middleware;
mod missing_entry;
mod page_origin;
mod problem;
mod problem_response;
mod query;
mod rate_limit;
mod rejection;
mod router;
mod schema;
mod selection;
mod server;
mod static_file;
mod streamed;
mod tag;
mod value_count;

use std::sync::Arc;

use poem::{Endpoint, Response};
use tokio_util::sync::CancellationToken;

pub use accept_encoding::accepts_encoding;
pub use body::{BodyContent, BodyLimits, DecodedBody, EncodedBody, Upload};
pub use client::client_address;
pub use document::{document, document_of, join, to_text};
pub use filters::Filters;
pub use function::Function;
pub use json::Json;
pub use middleware::problem_format::ProblemFormat;
pub use missing_entry::{dropped_day, may_be_pending, missing_entry, rebuilding};
pub use page_origin::is_from_foreign_page;
pub use problem::{PROBLEM_JSON, Problem};
pub use problem_response::{ProblemResponse, Problems, document_problems};
pub use query::{
    Parameter, ParameterType, Parameters, Query, Reader, WholeNumber, choices, choose,
};
pub use rate_limit::RateLimit;
pub use schema::{DiskState, IndexState, PathId};
pub use selection::Selection;
pub use server::{bind, serve_on};
pub use static_file::StaticFile;
pub use streamed::{StreamFormat, Streamed};
pub use tag::Tag;
pub use value_count::{ValueCount, share};

use crate::{config::HttpConfig, telemetry};
use client::TrustedProxies;
use middleware::Middleware;
use router::Router;

/// Serves the functions on `HOST` and `PORT` until `shutdown` is cancelled.
///
/// # Errors
/// When two functions serve the same operation, or the address is not available.
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

/// Everything except the server: the operations of the functions and of the runtime, wrapped in the
/// middleware.
///
/// # Errors
/// When two functions serve the same operation.
pub fn endpoint(
    mut functions: Vec<Function>,
    config: &HttpConfig,
    rate_limit: Option<RateLimit>,
    shutdown: &CancellationToken,
) -> anyhow::Result<impl Endpoint<Output = Response> + use<>> {
    telemetry::record_metrics();
    functions.push(health::function(&functions, shutdown.clone()));
    let proxies = TrustedProxies::new(config.trusted_proxies.clone());
    let origins = config.cors_allowed_origins.clone();
    Router::new(functions, &Middleware { proxies, rate_limit: rate_limit.map(Arc::new), origins })
}
