//! The error type of every port, classified by what the caller should do.
//! "Not found" is not an error: ports return `Option` for it.

#[cfg(any(feature = "kafka", feature = "redis"))]
mod shared;

use async_trait::async_trait;

use crate::breaker::BreakerOpen;
use crate::disk::DiskState;

/// Why a port failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service does not respond, is full or is overloaded: retry later (503).
    #[error("the {service} is unavailable: {source}")]
    Unavailable {
        /// The service that failed, e.g. `queue`.
        service: &'static str,
        /// The driver's error.
        source: Source,
    },
    /// The service returned an error that may be about the request or about the service itself:
    /// retry, and find out whether other requests succeed (503, eventually a dead letter).
    #[error("the {service} failed: {source}")]
    Failed {
        /// The service that failed, e.g. `index`.
        service: &'static str,
        /// The driver's error.
        source: Source,
    },
    /// The service will never accept the request: do not retry (500, or a dead letter).
    #[error("the {service} rejected the request: {source}")]
    Rejected {
        /// The service that rejected it, e.g. `store`.
        service: &'static str,
        /// The driver's error.
        source: Source,
    },
}

/// A driver's error, kept for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// The result of a port's operation.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The service does not respond, is full or is overloaded.
    #[must_use]
    pub fn unavailable(service: &'static str, source: impl Into<Source>) -> Self {
        Self::Unavailable { service, source: source.into() }
    }

    /// The service returned an error that may be about the request or about the service itself.
    #[must_use]
    pub fn failed(service: &'static str, source: impl Into<Source>) -> Self {
        Self::Failed { service, source: source.into() }
    }

    /// The service will never accept the request.
    #[must_use]
    pub fn rejected(service: &'static str, source: impl Into<Source>) -> Self {
        Self::Rejected { service, source: source.into() }
    }

    /// Whether the service was not called because it had just failed. That failure has already been
    /// reported, so callers need not report this error.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        BreakerOpen::caused(self)
    }

    /// The service that failed, e.g. `queue`.
    #[must_use]
    pub fn service(&self) -> &'static str {
        match self {
            Self::Unavailable { service, .. }
            | Self::Failed { service, .. }
            | Self::Rejected { service, .. } => service,
        }
    }
}

/// An entry that a sink does not accept, although it accepted the rest of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The position of the entry in the slice that was passed in, from 0.
    pub index: usize,
    /// Why it is not accepted.
    pub reason: Refusal,
}

/// Why a sink does not accept an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The sink will never accept it, for this reason.
    #[error("{0}")]
    Invalid(String),
    /// The day on which it arrived has been dropped.
    #[error("the day of its arrival has been dropped")]
    Expired,
    /// An entry with its id is stored in another class of the setting `RETENTION`.
    #[error("an entry with this id is stored with another retention")]
    Duplicate,
    /// The entry with its id has been deleted.
    #[error("the entry has been deleted")]
    Deleted,
}

impl Refused {
    /// An entry that the sink will never accept.
    #[must_use]
    pub fn invalid(index: usize, reason: impl Into<String>) -> Self {
        Self { index, reason: Refusal::Invalid(reason.into()) }
    }

    /// The same entry in a larger slice, with `offset` more entries in front.
    #[must_use]
    pub fn shifted_by(self, offset: usize) -> Self {
        Self { index: offset + self.index, ..self }
    }
}

/// A dependency whose readiness can be checked.
#[async_trait]
pub trait Ready: Send + Sync {
    /// Checks that the service behind the port responds.
    ///
    /// # Errors
    /// When it does not respond ([`Error::Unavailable`]).
    async fn ready(&self) -> Result<()>;

    /// Whether the service responds but lacks data, because it is being rebuilt.
    fn is_rebuilding(&self) -> bool {
        false
    }

    /// Whether the disk of the service has too little free space, or soon will.
    fn disk_state(&self) -> Option<DiskState> {
        None
    }
}
