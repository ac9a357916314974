//! Turns every error of an operation or of poem into a problem (RFC 9457).
//! Poem's messages about a request may repeat its input, so they are truncated.

use poem::http::header;
use poem::{Endpoint, Error, IntoResponse, Request, Response, Result};
use poem_openapi::error::ParseParamError;

use crate::http::problem::{self, PROBLEM_JSON, Problem};

/// The maximum length of a detail taken from a poem message, in characters.
const MAX_DETAIL_CHARS: usize = 200;

pub(super) struct ProblemDetails<E> {
    pub(super) next: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for ProblemDetails<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(match self.next.call(request).await {
            Ok(response) => from_response(response),
            Err(error) => from_error(error),
        })
    }
}

fn from_error(error: Error) -> Response {
    if error.is_from_response() {
        return from_response(error.into_response());
    }
    let error = match error.downcast::<Problem>() {
        Ok(problem) => return problem.into_response(),
        Err(error) => error,
    };
    if let Some(error) = error.downcast_ref::<ParseParamError>() {
        return Problem::bad_parameter(error.name, truncate(&error.reason)).into_response();
    }
    let status = error.status();
    if status.is_server_error() {
        return problem::internal_error().caused_by(error).into_response();
    }
    Problem::new(status, truncate(&error.to_string())).into_response()
}

/// Returns the response, with a problem as its body if it is an error that lacks one.
fn from_response(mut response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.content_type() == Some(PROBLEM_JSON) {
        return response;
    }
    let problem = Problem::new(status, "no details are available");
    response.set_body(problem.clone().into_response().take_body());
    response.set_data(problem);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.set_content_type(PROBLEM_JSON)
}

fn truncate(detail: &str) -> String {
    detail.chars().take(MAX_DETAIL_CHARS).collect()
}
