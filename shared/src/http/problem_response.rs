//! The error type of operations: a problem, and the statuses that the OpenAPI document lists.

use std::marker::PhantomData;

use poem::http::StatusCode;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::{ApiResponse, types::Type};
use serde_json::{Value, json};

use super::problem::{PROBLEM_JSON, Problem};

/// The problems that an operation may respond with, for the OpenAPI document.
pub trait Problems: Send + Sync + 'static {
    /// Each status with its description.
    const LIST: &'static [(StatusCode, &'static str)];
}

/// Documents the problems of an operation whose protocol has its own format for errors, including
/// the problems that every operation shares. Each description ends with the sentence `format`, and
/// `content` returns the description of the body for a status.
pub fn document_problems<P: Problems>(
    responses: &mut Value,
    format: &str,
    content: impl Fn(StatusCode) -> Value,
) {
    let shared = [
        (StatusCode::URI_TOO_LONG, "The request line exceeds 16 KiB."),
        (StatusCode::TOO_MANY_REQUESTS, "The client's bucket is empty."),
        (StatusCode::INTERNAL_SERVER_ERROR, "Internal error."),
        (StatusCode::BAD_GATEWAY, "From a cluster's proxy: no replica is available."),
        (StatusCode::GATEWAY_TIMEOUT, "From a cluster's proxy: no replica responded in time."),
    ];
    for (status, description) in shared.iter().chain(P::LIST) {
        responses[status.as_str()] = json!({
            "description": format!("{description} {format}"),
            "content": content(*status),
        });
    }
    let retry_after = json!({"$ref": "#/components/headers/RetryAfter"});
    responses["429"]["headers"]["Retry-After"] = retry_after;
}

/// An error response of an operation: a [`Problem`], documented by the list `P`.
#[derive(Debug)]
pub struct ProblemResponse<P> {
    problem: Problem,
    documented_by: PhantomData<P>,
}

impl<P, E: Into<Problem>> From<E> for ProblemResponse<P> {
    fn from(problem: E) -> Self {
        Self { problem: problem.into(), documented_by: PhantomData }
    }
}

impl<P: Problems> From<ProblemResponse<P>> for poem::Error {
    fn from(response: ProblemResponse<P>) -> Self {
        response.problem.into()
    }
}

impl<P: Problems> ApiResponse for ProblemResponse<P> {
    fn meta() -> MetaResponses {
        let response = |(status, description): &(StatusCode, &'static str)| MetaResponse {
            description,
            status: Some(status.as_u16()),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: PROBLEM_JSON,
                schema: Problem::schema_ref(),
            }],
            headers: Vec::new(),
        };
        MetaResponses { responses: P::LIST.iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}
