//! The responses of the ingest operations.

use poem::http::StatusCode;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use shared::EntryId;
use shared::http::{Json, Problem, Problems};
use shared::intake::{Outcome, Rejection};
use shared::log_entry::FieldError;

/// A saved entry.
#[derive(Debug, Serialize, Object)]
#[oai(read_only_all)]
pub(crate) struct Saved {
    /// `Log saved`.
    message: &'static str,
    /// The entry's id: a `UUIDv7`.
    id: String,
}

#[derive(ApiResponse)]
pub(crate) enum SaveResponse {
    /// The entry is durable.
    #[oai(status = 201)]
    Saved(
        Json<Saved>,
        /// The path of the entry.
        #[oai(header = "Location")]
        String,
    ),
}

impl SaveResponse {
    pub(crate) fn saved(id: EntryId) -> Self {
        Self::Saved(Json(Saved { message: "Log saved", id: id.to_string() }), format!("/logs/{id}"))
    }
}

/// The outcome of a batch.
#[derive(Debug, Serialize, Object)]
#[oai(read_only_all)]
pub(crate) struct BatchSaved {
    /// The number of accepted entries, all of them durable.
    accepted: usize,
    /// The number of rejected entries.
    rejected: usize,
    /// The first 100 rejections.
    errors: Vec<LineError>,
    /// With `?ids=true`: the id of each entry, in order; null for rejected ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    ids: Option<Vec<Option<EntryId>>>,
}

/// A rejected line.
#[derive(Debug, Serialize, Object)]
#[oai(read_only_all)]
struct LineError {
    /// The number of the line, or the position in the array, from 1.
    line: usize,
    /// What is wrong with the entry.
    detail: String,
}

impl From<Rejection> for LineError {
    fn from(rejection: Rejection) -> Self {
        Self { line: rejection.position as usize + 1, detail: rejection.error.detail }
    }
}

#[derive(ApiResponse)]
pub(crate) enum BatchResponse {
    /// The accepted entries are durable; `errors` lists the rejected ones.
    #[oai(status = 201)]
    Saved(Json<BatchSaved>),
}

impl TryFrom<Outcome> for BatchResponse {
    type Error = Problem;

    /// Returns a problem if no entry in the batch was accepted.
    fn try_from(outcome: Outcome) -> Result<Self, Problem> {
        let Outcome { accepted, rejected, rejections, ids } = outcome;
        let errors = rejections.into_iter().map(LineError::from);
        if accepted == 0 {
            return Err(all_rejected(rejected, errors));
        }
        let errors = errors.collect();
        Ok(Self::Saved(Json(BatchSaved { accepted, rejected, errors, ids })))
    }
}

fn all_rejected(rejected: usize, errors: impl Iterator<Item = LineError>) -> Problem {
    let detail = match rejected {
        0 => "the batch has no entries".to_owned(),
        1 => "the only entry in the batch was rejected".to_owned(),
        rejected => format!("all {rejected} entries in the batch were rejected"),
    };
    let errors =
        errors.map(|LineError { line, detail }| FieldError::new(format!("line {line}"), detail));
    Problem { errors: errors.collect(), ..Problem::new(StatusCode::BAD_REQUEST, detail) }
}

pub(crate) struct SaveProblems;

impl Problems for SaveProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "No entry was saved. `errors` names each invalid field or line."),
        (StatusCode::REQUEST_TIMEOUT, "The body took longer than 30 s, or stalled for 5 s."),
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body exceeds 10 MiB (64 MiB decompressed) or the entry 1 MiB (default limits).",
        ),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content type or encoding is not supported."),
        (StatusCode::SERVICE_UNAVAILABLE, "The queue is full or unavailable; retry later."),
    ];
}
