//! Error responses: problem details (RFC 9457, `application/problem+json`).
//! A detail names the field or the limit, and never repeats the whole body.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use serde::Serialize;

use crate::disk::LowDisk;
use crate::error::{Error, Source};
use crate::log_entry::{FieldError, ValidationError};

/// The media type of every error response.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The `Retry-After` value, in seconds, when a port is unavailable.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Why a request failed (RFC 9457).
#[derive(Debug, Clone, Serialize, Object)]
pub struct Problem {
    /// The type of the problem. `about:blank` means that the status describes it.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
    /// The reason phrase of the status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, and what to do about it.
    pub detail: String,
    /// The invalid fields, query parameters or lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(default, skip_serializing_if_is_empty)]
    pub errors: Vec<FieldError>,
    /// Seconds to wait before retrying, for the `Retry-After` header.
    #[serde(skip)]
    #[oai(skip)]
    pub retry_after: Option<u32>,
    /// The cause of the problem, for the log. Never sent to the client.
    #[serde(skip)]
    #[oai(skip)]
    pub cause: Option<Arc<Source>>,
}

impl Problem {
    /// A problem without invalid fields.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// An invalid parameter or header.
    #[must_use]
    pub fn bad_parameter(name: &str, detail: impl Into<String>) -> Self {
        ValidationError::field(name, detail).into()
    }

    /// Adds the `Retry-After` header.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Adds the cause, which is logged if the status is a server error.
    #[must_use]
    pub fn caused_by(self, cause: impl Into<Source>) -> Self {
        Self { cause: Some(Arc::new(cause.into())), ..self }
    }

    /// Why the request failed, for the log.
    pub(super) fn cause_text(&self) -> String {
        self.cause.as_ref().map_or_else(|| self.detail.clone(), |cause| chain(&***cause))
    }
}

/// 404: the path does not exist.
pub(super) fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no such path; see /docs")
}

/// 405: the path has no operation for the method.
pub(super) fn method_not_allowed(allow: &HeaderValue) -> Response {
    let methods = allow.to_str().unwrap_or_default();
    let detail = format!("method not allowed; this path accepts {methods}");
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response();
    response.headers_mut().insert(header::ALLOW, allow.clone());
    response
}

/// 429: the client's rate limit bucket is empty.
pub(super) fn too_many_requests(retry_after: Duration) -> Problem {
    let seconds = whole_seconds(retry_after);
    let detail = format!("too many requests from this client; retry in {seconds} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(seconds)
}

/// 500: a bug or a failure that the client cannot do anything about.
pub(super) fn internal_error() -> Problem {
    let detail = "internal error; quote the X-Request-Id of this response when you report it";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}

/// The duration in seconds, rounded up, at least one.
pub(super) fn whole_seconds(duration: Duration) -> u32 {
    let rounded_up = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(rounded_up).unwrap_or(u32::MAX).max(1)
}

impl From<ValidationError> for Problem {
    fn from(error: ValidationError) -> Self {
        Self { errors: error.errors, ..Self::new(StatusCode::BAD_REQUEST, error.detail) }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let service = error.service();
        let problem = match error {
            Error::Unavailable { .. } | Error::Failed { .. } => {
                let detail = match LowDisk::cause_of(&error) {
                    Some(low) => format!("{low}; retry later"),
                    None => format!("the {service} is unavailable; retry later"),
                };
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_AFTER_SECONDS)
            }
            Error::Rejected { .. } => {
                let detail = format!("the {service} rejected the request");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
        };
        problem.caused_by(error)
    }
}

/// The error and its sources on one line. A source that the text already ends with is not repeated.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let source_text = source.to_string();
        if !text.ends_with(&source_text) {
            text = format!("{text}: {source_text}");
        }
        next = source.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut body = serde_json::to_vec(&self).unwrap_or_default();
        body.push(b'\n');
        let mut response = Response::builder()
            .status(status)
            .content_type(PROBLEM_JSON)
            // A retry may soon succeed.
            .header(header::CACHE_CONTROL, "no-store")
            .body(body);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // For the log, and for functions with their own error format.
        response.set_data(self);
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.title, self.detail)
    }
}

impl StdError for Problem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| &**cause as _)
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        self.clone().into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_names_each_error_in_the_chain_once() {
        let refused = std::io::Error::other("connection refused");
        let error = anyhow::Error::from(refused).context("connecting");
        assert_eq!(chain(error.as_ref()), "connecting: connection refused");
        let error = Error::unavailable("queue", error);
        let text = "the queue is unavailable: connecting: connection refused";
        assert_eq!(chain(&error), text);
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
