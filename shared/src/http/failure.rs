//! Every answer that is an error becomes a problem, whoever made it.
//! What poem says of a request may repeat the input: it is cut.

use std::time::Duration;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Error, IntoResponse, Response};

use super::problem::{PROBLEM_JSON, Problem};

/// The longest detail about a request, in characters.
const MAX_DETAIL_CHARS: usize = 200;

/// 404: no operation has this path.
pub(super) fn not_found() -> Response {
    let detail = "there is nothing at this path: see /docs for those that there are";
    Problem::new(StatusCode::NOT_FOUND, detail).into_response()
}

/// 405: the path has operations, none of this method.
pub(super) fn method_not_allowed(allow: &HeaderValue) -> Response {
    let methods = allow.to_str().unwrap_or_default();
    let detail = format!("this path takes {methods}");
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response();
    response.headers_mut().insert(header::ALLOW, allow.clone());
    response
}

/// 429: the client's bucket is empty.
pub(super) fn too_many_requests(retry_after: Duration) -> Response {
    let seconds = whole_seconds(retry_after);
    let detail = format!("too many requests of this client: try again in {seconds} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(seconds).into_response()
}

/// The time in seconds, rounded up, one at least.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    let rounded_up = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    rounded_up.max(1)
}

/// 500: the log says why, under the request's id.
pub(super) fn internal() -> Response {
    let detail = "an error of ours: the log has it under the X-Request-Id of this answer";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
}

/// The problem that an error stands for.
pub(super) fn of_error(error: Error) -> Response {
    let status = error.status();
    if error.is::<Problem>() || error.is_from_response() {
        return as_problem(error.into_response());
    }
    if status.is_server_error() {
        tracing::error!(status = status.as_u16(), error = %error, "an operation failed");
        return internal();
    }
    let detail: String = error.to_string().chars().take(MAX_DETAIL_CHARS).collect();
    Problem::new(status, detail).into_response()
}

/// The answer, as a problem if it is an error of another form.
pub(super) fn as_problem(mut response: Response) -> Response {
    let status = response.status();
    let error = status.is_client_error() || status.is_server_error();
    if !error || response.content_type() == Some(PROBLEM_JSON) {
        return response;
    }
    let mut problem = Problem::new(status, "there is no more to say of this error").into_response();
    response.set_body(problem.take_body());
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.set_content_type(PROBLEM_JSON)
}
