//! The one error behind every port, sorted by what the caller should do.
//! "Not found" is not an error: ports answer it with `Option`.

use async_trait::async_trait;

/// Why a port did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service does not answer, is full or is overloaded: try again later (503).
    #[error("the {service} is unavailable: {source}")]
    Unavailable {
        /// The part that failed, e.g. `queue`.
        service: &'static str,
        /// What its driver said.
        source: Source,
    },
    /// The service answered with an error that may be about this or about itself: try again, and
    /// ask whether it takes anything else (503, in the end a dead letter).
    #[error("the {service} failed: {source}")]
    Failed {
        /// The part that failed, e.g. `index`.
        service: &'static str,
        /// What its driver said.
        source: Source,
    },
    /// The service answered that it will never take this: do not try again (500, dead letter).
    #[error("the {service} rejected the request: {source}")]
    Rejected {
        /// The part that refused, e.g. `store`.
        service: &'static str,
        /// What its driver said.
        source: Source,
    },
}

/// What a driver said, kept whole for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// The answer of a port.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The service does not respond; a retry may succeed.
    #[must_use]
    pub fn unavailable(service: &'static str, source: impl Into<Source>) -> Self {
        Self::Unavailable { service, source: source.into() }
    }

    /// The service returned an error that may be about this request or about the service itself.
    #[must_use]
    pub fn failed(service: &'static str, source: impl Into<Source>) -> Self {
        Self::Failed { service, source: source.into() }
    }

    /// The service will never accept this request.
    #[must_use]
    pub fn rejected(service: &'static str, source: impl Into<Source>) -> Self {
        Self::Rejected { service, source: source.into() }
    }

    /// The part that failed, e.g. `queue`.
    #[must_use]
    pub fn service(&self) -> &'static str {
        match self {
            Self::Unavailable { service, .. }
            | Self::Failed { service, .. }
            | Self::Rejected { service, .. } => service,
        }
    }
}

/// An entry of a batch that a sink will never take, while it took the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The entry's position in the slice that was given, from 0.
    pub index: usize,
    /// Why, in the sink's words.
    pub reason: String,
}

impl Refused {
    /// The same entry, in a slice that has `before` other ones before this one's first.
    #[must_use]
    pub fn behind(self, before: usize) -> Self {
        Self { index: before + self.index, ..self }
    }
}

/// Anything that readiness can ask "can you do your work now?".
#[async_trait]
pub trait Ready: Send + Sync {
    /// Answers when the service behind the port does.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    async fn ready(&self) -> Result<()>;
}
