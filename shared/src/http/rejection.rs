//! Converts intake rejections to problems, and problems to the reasons in metrics.

use poem::http::StatusCode;

use super::Problem;
use crate::intake::{Reason, Rejection};

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.reason {
            Reason::Invalid => StatusCode::BAD_REQUEST,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Reason::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Reason::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Reason::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { errors: rejection.error.errors, ..Self::new(status, rejection.error.detail) }
    }
}

impl From<&Problem> for Reason {
    fn from(problem: &Problem) -> Self {
        match problem.status {
            400 => Self::Invalid,
            408 => Self::TooSlow,
            413 => Self::TooLarge,
            415 => Self::Unsupported,
            503 => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}
