//! The middleware around every operation, one file per layer. [`Middleware::around`] lists the
//! layers in order.

mod access_log;
mod arrival;
mod client_address;
mod cors;
mod problem_details;
pub(super) mod problem_format;
mod rate_limit;
pub(super) mod request_id;
mod request_metrics;
mod trace;

use std::any::Any;
use std::sync::Arc;

use metrics::SharedString;
use poem::http::{Method, header};
use poem::middleware::{CatchPanic, SetHeader};
use poem::{Endpoint, EndpointExt, Response};

use crate::config::AllowedOrigins;

use super::client::TrustedProxies;
use super::problem::{self, Problem};
use super::rate_limit::RateLimit;
use problem_format::ProblemFormat;

/// The values that the middleware of all routes shares.
pub(super) struct Middleware {
    pub(super) proxies: TrustedProxies,
    pub(super) rate_limit: Option<Arc<RateLimit>>,
    pub(super) origins: AllowedOrigins,
}

impl Middleware {
    /// The same without the rate limit.
    pub(super) fn without_rate_limit(&self) -> Self {
        Self { proxies: self.proxies.clone(), rate_limit: None, origins: self.origins.clone() }
    }

    /// Wraps the operations of the path `route`, for example `/logs/{id}`. Their problems are sent
    /// in this format.
    ///
    /// The innermost layer comes first: a request passes through the list from the bottom up,
    /// and its response from the top down.
    pub(super) fn around<E>(
        &self,
        operations: E,
        route: SharedString,
        format: Option<ProblemFormat>,
    ) -> impl Endpoint<Output = Response> + use<E>
    where
        E: Endpoint<Output = Response>,
    {
        let rate_limit = self.rate_limit.clone();
        let proxies = self.proxies.clone();

        let endpoint = operations.with(CatchPanic::new().with_handler(on_panic));
        let endpoint = problem_details::ProblemDetails { next: endpoint };
        let endpoint = rate_limit::RateLimited { next: endpoint, rate_limit };
        let endpoint = problem_format::FormattedProblems { next: endpoint, format };
        let endpoint = cors::Cors { next: endpoint, origins: self.origins.clone() };
        let endpoint = access_log::AccessLog { next: endpoint };
        let endpoint = trace::Trace { next: endpoint, route: route.clone() };
        let endpoint = request_metrics::RequestMetrics::new(endpoint, route);
        let endpoint = arrival::Arrivals { next: endpoint };
        let endpoint = request_id::RequestIds { next: endpoint };
        let endpoint = client_address::ClientAddress { next: endpoint, proxies };
        endpoint.with(SetHeader::new().overriding(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
    }
}

/// The response if an operation panics.
fn on_panic(panic: Box<dyn Any + Send>) -> Problem {
    let message = match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("no message").to_owned(),
    };
    problem::internal_error().caused_by(format!("panic: {message}"))
}

/// The method as a label value. Clients can invent methods, so all unknown ones share one value.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
