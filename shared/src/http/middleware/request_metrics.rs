//! Counts requests by method, route and status, and records their durations by method and route.

use std::sync::{Mutex, PoisonError};

use metrics::{Counter, Histogram, SharedString, counter, histogram};
use poem::http::StatusCode;
use poem::{Endpoint, Request, Response, Result};
use tokio::time::Instant;

use super::method_name;

pub(super) struct RequestMetrics<E> {
    next: E,
    route: SharedString,
    /// The series of the methods and statuses so far. Looking them up in the registry would take
    /// longer, because it hashes all labels.
    known: Mutex<Vec<Series>>,
}

/// The series of a method and status.
#[derive(Clone)]
struct Series {
    method: &'static str,
    status: StatusCode,
    requests: Counter,
    durations: Histogram,
}

impl<E> RequestMetrics<E> {
    pub(super) fn new(next: E, route: SharedString) -> Self {
        Self { next, route, known: Mutex::default() }
    }

    fn series(&self, method: &'static str, status: StatusCode) -> Series {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.iter().find(|series| series.method == method && series.status == status);
        if let Some(series) = same {
            return series.clone();
        }
        let labels = [("method", SharedString::from(method)), ("route", self.route.clone())];
        let durations = histogram!("http_request_duration_seconds", &labels);
        let route = self.route.clone();
        let code = status.as_str().to_owned();
        let requests =
            counter!("http_requests_total", "method" => method, "route" => route, "status" => code);
        let series = Series { method, status, requests, durations };
        known.push(series.clone());
        series
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for RequestMetrics<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let started = Instant::now();
        let method = method_name(request.method());
        let response = self.next.call(request).await?;
        let series = self.series(method, response.status());
        series.durations.record(started.elapsed().as_secs_f64());
        series.requests.increment(1);
        Ok(response)
    }
}
