//! What went wrong, told to a client: RFC 9457, `application/problem+json`.
//! A detail names the field or the limit and never repeats a whole body.

use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response, error::ResponseError};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::{ApiResponse, Object, types::Type};
use serde::Serialize;

use crate::error::Error;
use crate::log_entry::{FieldError, Invalid};

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// When to try again after a 503, in seconds.
const RETRY_AFTER_SECONDS: u64 = 1;

/// What went wrong (RFC 9457).
#[derive(Debug, Clone, Serialize, Object)]
pub struct Problem {
    /// The kind of problem. `about:blank`: the status says it all.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong with this request, and what to do.
    pub detail: String,
    /// Each field that was wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(default, skip_serializing_if_is_empty)]
    pub errors: Vec<FieldError>,
    /// Seconds to wait before the next try, for the header `Retry-After`.
    #[serde(skip)]
    #[oai(skip)]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with nothing to say of single fields.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// A wrong parameter or header.
    #[must_use]
    pub fn bad_parameter(name: &str, detail: impl Into<String>) -> Self {
        Invalid::field(name, detail).into()
    }

    /// The same, with the header `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self { errors: invalid.errors, ..Self::new(StatusCode::BAD_REQUEST, invalid.detail) }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let service = error.service();
        match error {
            Error::Unavailable { .. } | Error::Failed { .. } => {
                tracing::warn!(service, %error, "answered 503");
                let detail = format!("the {service} is unavailable: try again");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_AFTER_SECONDS)
            }
            Error::Rejected { .. } => {
                tracing::error!(service, %error, "answered 500");
                let detail = format!("the {service} rejected the request");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut body = serde_json::to_vec(&self).unwrap_or_default();
        body.push(b'\n');
        let mut response = Response::builder()
            .status(status)
            .content_type(PROBLEM_JSON)
            // What is not there may be there a moment later.
            .header(header::CACHE_CONTROL, "no-store")
            .body(body);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        self.clone().into_response()
    }
}

/// The problems that an operation answers, for its document.
pub trait Problems: Send + Sync + 'static {
    /// Each status with what it means.
    const LIST: &'static [(StatusCode, &'static str)];
}

/// Why an operation was refused: a [`Problem`], documented by the list `P`.
#[derive(Debug)]
pub struct ProblemResponse<P> {
    problem: Problem,
    documented: PhantomData<P>,
}

impl<P, E: Into<Problem>> From<E> for ProblemResponse<P> {
    fn from(problem: E) -> Self {
        Self { problem: problem.into(), documented: PhantomData }
    }
}

impl<P: Problems> From<ProblemResponse<P>> for poem::Error {
    fn from(refusal: ProblemResponse<P>) -> Self {
        refusal.problem.into()
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
