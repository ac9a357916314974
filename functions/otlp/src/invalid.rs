//! Why a record or a request is invalid.

use shared::log_entry::ValidationError;
use shared::protobuf::Malformed;

use crate::value::MAX_NESTING;

/// Why a record or a request is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
    #[error(transparent)]
    Protobuf(#[from] Malformed),
    #[error("the JSON is invalid: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a value is nested more than {MAX_NESTING} levels deep")]
    TooDeep,
    #[error("{}", .0.detail)]
    Entry(ValidationError),
}

impl From<Invalid> for ValidationError {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Entry(error) => error,
            invalid => Self::whole(&invalid.to_string()),
        }
    }
}

impl From<ValidationError> for Invalid {
    fn from(error: ValidationError) -> Self {
        Self::Entry(error)
    }
}
