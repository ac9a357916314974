//! An error that concerns several requests, each of which reports it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::Error;

impl Error {
    /// The same error, for one of the requests that it concerns.
    pub(crate) fn shared(error: Arc<Self>) -> Self {
        let service = error.service();
        match *error {
            Self::Unavailable { .. } => Self::unavailable(service, SharedSource(error)),
            Self::Failed { .. } => Self::failed(service, SharedSource(error)),
            Self::Rejected { .. } => Self::rejected(service, SharedSource(error)),
        }
    }
}

/// The source of a shared error.
#[derive(Debug)]
struct SharedSource(Arc<Error>);

impl fmt::Display for SharedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source().map_or(Ok(()), |source| fmt::Display::fmt(source, f))
    }
}

impl StdError for SharedSource {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breaker::BreakerOpen;

    #[test]
    fn each_request_reports_the_same_error() {
        for error in [
            Error::unavailable("queue", "down"),
            Error::failed("queue", "broken"),
            Error::rejected("queue", "too large"),
        ] {
            let error = Arc::new(error);
            let shared = Error::shared(Arc::clone(&error));
            assert_eq!(shared.to_string(), error.to_string());
            assert_eq!(std::mem::discriminant(&shared), std::mem::discriminant(&*error));
        }
    }

    #[test]
    fn a_repeated_error_is_recognized_when_it_is_shared() {
        let repeated = Arc::new(Error::unavailable("limiter", BreakerOpen));
        assert!(Error::shared(repeated).is_repeated());
    }
}
