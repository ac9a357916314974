//! What happens around every operation: who asks, which route, the rate limit, problems, figures.
//! An operation sees a request that is let in, and nothing leaves but an answer or a problem.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use metrics::{SharedString, counter, histogram};
use poem::http::{HeaderName, HeaderValue, Method, header};
use poem::{Endpoint, Request, Response};
use tokio::time::Instant;
use tracing::{Instrument, debug, info_span};
use uuid::Uuid;

use super::{
    client::{Client, TrustedProxies},
    failure,
    rate_limit::{RateLimit, Verdict},
    routes::{Resource, Routes},
};
use crate::log_entry::Timestamp;
use crate::trace::{TRACEPARENT, TraceParent};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The label of requests for what is not there: their paths are anybody's.
const NO_ROUTE: SharedString = SharedString::const_str("none");

/// The operations, and what happens around each of them.
pub(super) struct Runtime<E> {
    pub(super) operations: E,
    pub(super) routes: Routes,
    pub(super) proxies: TrustedProxies,
    pub(super) rate_limit: Option<RateLimit>,
}

impl<E: Endpoint<Output = Response>> Endpoint for Runtime<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let client = self.proxies.client_of(&request);
        let id = request_id(&client, &request);
        let method = method_name(request.method());
        let resource = self.routes.find(request.uri().path());
        let route = resource.map_or(NO_ROUTE, |resource| resource.template.clone());
        let arrival = client.arrival(&request, Timestamp::now());
        request.set_data(arrival);
        let trace = trace_of(&request);
        request.set_data(trace);
        let span = info_span!(
            "request", id, method, route = &*route, client = %client.address,
            trace_id = trace.trace_id(), span_id = trace.span_id()
        );
        let answered = async {
            let response = self.answer(request, &client, resource).await;
            let status = response.status().as_u16();
            debug!(status, seconds = started.elapsed().as_secs_f64(), "answered");
            response
        };
        let mut response = answered.instrument(span).await;
        count(method, route, &response, started);
        write_headers(&id, &mut response);
        Ok(response)
    }
}

impl<E: Endpoint<Output = Response>> Runtime<E> {
    /// The answer of the operation, unless the rate limit has another.
    async fn answer(
        &self,
        request: Request,
        client: &Client,
        resource: Option<&Resource>,
    ) -> Response {
        let limited = resource.is_none_or(|resource| resource.limited);
        let Some(rate_limit) = self.rate_limit.as_ref().filter(|_| limited) else {
            return self.operate(request, resource).await;
        };
        let verdict = rate_limit.ask(client.key()).await;
        let mut response = match verdict {
            Verdict::Refused { retry_after } => failure::too_many_requests(retry_after),
            Verdict::Allowed { .. } | Verdict::Unknown => self.operate(request, resource).await,
        };
        rate_limit.write_headers(verdict, response.headers_mut());
        response
    }

    /// The answer of the operation, a problem if there is none.
    async fn operate(&self, request: Request, resource: Option<&Resource>) -> Response {
        let Some(resource) = resource else {
            return failure::not_found();
        };
        if !resource.takes(request.method()) {
            return failure::method_not_allowed(&resource.allow);
        }
        // The panic hook has logged the panic when it arrives here.
        let operation = AssertUnwindSafe(self.operations.call(request)).catch_unwind();
        match operation.await {
            Ok(Ok(response)) => failure::as_problem(response),
            Ok(Err(error)) => failure::of_error(error),
            Err(_panic) => failure::internal(),
        }
    }
}

/// The request's name for the log: the proxy's, else a new one.
fn request_id(client: &Client, request: &Request) -> String {
    match client.request_id(request) {
        Some(id) => id.to_owned(),
        None => Uuid::new_v4().simple().to_string(),
    }
}

/// The request's span: of the client's trace, else of a new one.
fn trace_of(request: &Request) -> TraceParent {
    let parent = request.header(TRACEPARENT).and_then(|parent| parent.parse::<TraceParent>().ok());
    parent.map_or_else(TraceParent::start, TraceParent::child)
}

/// The method as a label: anybody can make up another one.
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

fn count(method: &'static str, route: SharedString, response: &Response, started: Instant) {
    let status = response.status().as_str().to_owned();
    let labels = [("method", SharedString::from(method)), ("route", route.clone())];
    histogram!("http_request_duration_seconds", &labels).record(started.elapsed().as_secs_f64());
    counter!("http_requests_total", "method" => method, "route" => route, "status" => status)
        .increment(1);
}

fn write_headers(id: &str, response: &mut Response) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
}
