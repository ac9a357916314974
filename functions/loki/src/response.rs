//! The responses to push requests: no body, or an error as plain text.

use poem::Response;
use poem::http::{HeaderMap, StatusCode};
use poem_openapi::ApiResponse;
use serde_json::{Value, json};
use shared::http::{Problem, Problems, document_problems};
use shared::intake::{Outcome, Rejection};
use shared::log_entry::FieldError;
use tracing::warn;

pub(crate) const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

#[derive(ApiResponse)]
pub(crate) enum PushResponse {
    /// The valid entries are durable. The response has no body.
    #[oai(status = 204)]
    Saved,
}

impl TryFrom<Outcome> for PushResponse {
    type Error = Problem;

    /// Returns a problem if every entry was rejected. If some were accepted, the client must not
    /// resend the request; the rejected ones, which could never be saved, are counted in the
    /// metrics.
    fn try_from(outcome: Outcome) -> Result<Self, Problem> {
        let Outcome { accepted, rejected, rejections, .. } = outcome;
        let mut errors = rejections.into_iter().map(field_error);
        if rejected == 0 {
            return Ok(Self::Saved);
        }
        if accepted > 0 {
            let first = errors.next().map(|error| error.to_string()).unwrap_or_default();
            warn!(accepted, rejected, first, "some entries of a Loki push request were rejected");
            return Ok(Self::Saved);
        }
        let detail = match rejected {
            1 => "the only entry was rejected".to_owned(),
            rejected => format!("all {rejected} entries were rejected"),
        };
        let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
        Err(Problem { errors: errors.collect(), ..problem })
    }
}

fn field_error(rejection: Rejection) -> FieldError {
    FieldError::new(format!("entry {}", rejection.position + 1), rejection.error.detail)
}

/// Formats a problem as plain text, as Loki does: the detail, then a line for each error.
pub(crate) fn text_of(problem: &Problem, _: &HeaderMap) -> Response {
    let lines = problem.errors.iter().map(FieldError::to_string);
    let lines: Vec<String> = std::iter::once(problem.detail.clone()).chain(lines).collect();
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = Response::builder().status(status).content_type(PLAIN_TEXT);
    response.body(lines.join("\n") + "\n")
}

/// Documents the errors as plain text, including those that all operations share.
pub(crate) fn document_errors(responses: &mut Value) {
    document_problems::<PushProblems>(responses, "The body is plain text.", |status| {
        let example = format!("{}\n", status.canonical_reason().unwrap_or_default().to_lowercase());
        json!({"text/plain": {"schema": {"type": "string"}, "example": example}})
    });
}

pub(crate) struct PushProblems;

impl Problems for PushProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "No entry was saved. The text lists the first ten errors."),
        (StatusCode::REQUEST_TIMEOUT, "The body took longer than 30 s, or stalled for 5 s."),
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body exceeds 10 MiB, or 64 MiB decompressed, or its entries exceed 128 MiB (default \
             limits).",
        ),
        (StatusCode::SERVICE_UNAVAILABLE, "The queue is full or unavailable; retry later."),
    ];
}
