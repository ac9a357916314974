//! Why an entry was rejected: a reason for the metrics, and an explanation for the client.

use crate::error::Error;
use crate::log_entry::ValidationError;

/// An entry that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The entry's position in the request, from 0.
    pub position: u32,
    /// The reason that the metrics record.
    pub reason: Reason,
    /// What is wrong with the entry.
    pub error: ValidationError,
}

/// Why an entry was rejected: the metric's `reason` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The entry is malformed, or one of its fields is invalid.
    Invalid,
    /// The entry, or the body that contains it, is too large.
    TooLarge,
    /// The client sent the body too slowly.
    TooSlow,
    /// The media type or the encoding of the body is not supported.
    Unsupported,
    /// The queue or the memory for bodies is full, or the queue is down.
    Unavailable,
    /// An internal error.
    Failed,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Invalid,
        Self::TooLarge,
        Self::TooSlow,
        Self::Unsupported,
        Self::Unavailable,
        Self::Failed,
    ];

    /// The value of the label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
}

impl From<&Error> for Reason {
    fn from(error: &Error) -> Self {
        match error {
            Error::Unavailable { .. } | Error::Failed { .. } => Self::Unavailable,
            Error::Rejected { .. } => Self::Failed,
        }
    }
}

impl Rejection {
    pub(super) fn invalid(position: u32, error: ValidationError) -> Self {
        Self { position, reason: Reason::Invalid, error }
    }

    pub(super) fn too_large(position: u32, bytes: usize, max_bytes: usize) -> Self {
        let detail = format!("the entry has {bytes} bytes as stored; the limit is {max_bytes}");
        Self { position, reason: Reason::TooLarge, error: ValidationError::whole(&detail) }
    }
}
