//! Opens a span for each request, in the client's trace if the client sends a `traceparent`.

use metrics::SharedString;
use poem::{Endpoint, Request, Response, Result};
use tracing::{Instrument, info_span};

use super::{method_name, request_id::RequestId};
use crate::http::client::Client;
use crate::trace::{TRACEPARENT, TraceParent};

pub(super) struct Trace<E> {
    pub(super) next: E,
    pub(super) route: SharedString,
}

impl<E: Endpoint<Output = Response>> Endpoint for Trace<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let trace = trace_of(&request);
        request.set_data(trace);
        let span = info_span!(
            "request",
            id = request.data().map(RequestId::as_str),
            method = method_name(request.method()),
            route = &*self.route,
            client = %Client::of(&request).address,
            trace_id = %trace.trace_id(),
            span_id = %trace.span_id(),
        );
        self.next.call(request).instrument(span).await
    }
}

/// A new span of the client's trace, or the first span of a new trace.
fn trace_of(request: &Request) -> TraceParent {
    let parent = request.header(TRACEPARENT).and_then(|parent| parent.parse::<TraceParent>().ok());
    parent.map_or_else(TraceParent::start, TraceParent::child)
}
