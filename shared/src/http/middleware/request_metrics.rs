//! Counts requests by method, route and status, and records their durations by method and route.

use metrics::{SharedString, counter, histogram};
use poem::{Endpoint, Request, Response, Result};
use tokio::time::Instant;

use super::method_name;

pub(super) struct RequestMetrics<E> {
    pub(super) next: E,
    pub(super) route: SharedString,
}

impl<E: Endpoint<Output = Response>> Endpoint for RequestMetrics<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let started = Instant::now();
        let method = method_name(request.method());
        let response = self.next.call(request).await?;
        let route = self.route.clone();
        let status = response.status().as_str().to_owned();
        let labels = [("method", SharedString::from(method)), ("route", route.clone())];
        histogram!("http_request_duration_seconds", &labels)
            .record(started.elapsed().as_secs_f64());
        counter!("http_requests_total", "method" => method, "route" => route, "status" => status)
            .increment(1);
        Ok(response)
    }
}
