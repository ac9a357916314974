//! The responses of `POST /logs/any`.

use poem::http::StatusCode;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use shared::http::{Json, Problem, Problems};
use shared::intake::{Outcome, Rejection};
use shared::log_entry::FieldError;

/// The outcome of a request.
#[derive(Debug, Serialize, Object)]
#[oai(read_only_all)]
pub(crate) struct RecordsSaved {
    /// The number of accepted records, all of them durable.
    accepted: usize,
    /// The number of records that were rejected.
    rejected: usize,
    /// The first 100 rejections, in the order of the records.
    errors: Vec<RejectedRecord>,
}

/// A rejected record.
#[derive(Debug, Serialize, Object)]
#[oai(read_only_all)]
struct RejectedRecord {
    /// The position of the record in the body, from 1.
    record: usize,
    /// What is wrong with it.
    detail: String,
}

impl From<Rejection> for RejectedRecord {
    fn from(rejection: Rejection) -> Self {
        Self { record: rejection.position as usize + 1, detail: rejection.error.detail }
    }
}

/// The status is 200, because some clients treat every other status as an error.
#[derive(ApiResponse)]
pub(crate) enum AnyResponse {
    /// The accepted records are durable; `errors` lists the rejected ones.
    #[oai(status = 200)]
    Saved(Json<RecordsSaved>),
}

impl TryFrom<Outcome> for AnyResponse {
    type Error = Problem;

    /// Returns a problem if every record was rejected. A body without records is accepted.
    fn try_from(outcome: Outcome) -> Result<Self, Problem> {
        let Outcome { accepted, rejected, rejections, .. } = outcome;
        let errors = rejections.into_iter().map(RejectedRecord::from);
        if accepted == 0 && rejected > 0 {
            return Err(all_rejected(rejected, errors));
        }
        Ok(Self::Saved(Json(RecordsSaved { accepted, rejected, errors: errors.collect() })))
    }
}

fn all_rejected(rejected: usize, errors: impl Iterator<Item = RejectedRecord>) -> Problem {
    let detail = match rejected {
        1 => "the only record was rejected".to_owned(),
        rejected => format!("all {rejected} records were rejected"),
    };
    let errors = errors.map(|RejectedRecord { record, detail }| {
        FieldError::new(format!("record {record}"), detail)
    });
    Problem { errors: errors.collect(), ..Problem::new(StatusCode::BAD_REQUEST, detail) }
}

pub(crate) struct AnyProblems;

impl Problems for AnyProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "No record was saved. `errors` explains each rejection."),
        (StatusCode::REQUEST_TIMEOUT, "The body took longer than 30 s, or stalled for 5 s."),
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body exceeds 10 MiB, or 64 MiB decompressed, or its entries exceed 128 MiB (default \
             limits).",
        ),
        (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The content encoding is not gzip, deflate, zstd or snappy, or the charset is UTF-16 or UTF-32.",
        ),
        (StatusCode::SERVICE_UNAVAILABLE, "The queue is full or unavailable; retry later."),
    ];
}
