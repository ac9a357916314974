//! Limits the work of checking messages, so that no search takes long or delays others.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tantivy::TantivyError;
use tokio_util::sync::CancellationToken;

use super::{classify, unavailable};
use crate::error::Result;
use crate::index::too_costly;

/// The work that a search may do. A release build takes about a second for it on one core.
const MAX_WORK_BYTES: u64 = 300_000_000;

/// The work of reading an entry, however short it is, in bytes of text.
const ENTRY_WORK_BYTES: u64 = 150;

/// The work of normalizing a byte outside ASCII, in bytes of ASCII.
const NON_ASCII_WORK_BYTES: u64 = 20;

/// Ends the checks on a machine that is too slow for them.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The checks of one search.
pub(super) struct Checks {
    max_work_bytes: u64,
    work_bytes: AtomicU64,
    deadline: Instant,
    cancelled: CancellationToken,
    /// If set, the hits are incomplete. Queries have no other way to report an error.
    failure: OnceLock<Failure>,
}

/// Why messages were not checked.
#[derive(Debug)]
pub(super) enum Failure {
    TooCostly,
    Cancelled,
    Unreadable(TantivyError),
}

impl From<TantivyError> for Failure {
    fn from(error: TantivyError) -> Self {
        Self::Unreadable(error)
    }
}

impl Checks {
    /// The checks of a search whose result is no longer needed once `cancelled` is.
    pub(super) fn new(cancelled: CancellationToken) -> Self {
        Self {
            max_work_bytes: MAX_WORK_BYTES,
            work_bytes: AtomicU64::new(0),
            deadline: Instant::now() + TIMEOUT,
            cancelled,
            failure: OnceLock::new(),
        }
    }

    /// The same checks with a different work limit.
    #[cfg(test)]
    pub(super) fn with_max_work(self, max_work_bytes: u64) -> Self {
        Self { max_work_bytes, ..self }
    }

    /// Permits the check of an entry, if it does not exceed the work limit.
    pub(super) fn permit(&self, entry_json: &str) -> std::result::Result<(), Failure> {
        let work = work_bytes(entry_json);
        let total = self.work_bytes.fetch_add(work, Ordering::Relaxed) + work;
        if self.cancelled.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        if total > self.max_work_bytes || Instant::now() > self.deadline {
            return Err(Failure::TooCostly);
        }
        Ok(())
    }

    /// Records why an entry was not checked. Only the first failure is kept.
    pub(super) fn fail(&self, failure: Failure) {
        let _ = self.failure.set(failure);
    }

    /// Whether further checks are pointless.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// The error of the search, if entries were not checked or its result is no longer needed.
    pub(super) fn result(&self) -> Result<()> {
        match self.failure.get() {
            None if self.cancelled.is_cancelled() => Err(unavailable("the search was cancelled")),
            None => Ok(()),
            Some(Failure::TooCostly) => Err(too_costly()),
            Some(Failure::Cancelled) => Err(unavailable("the search was cancelled")),
            Some(Failure::Unreadable(error)) => Err(classify(error.clone())),
        }
    }
}

fn work_bytes(entry_json: &str) -> u64 {
    let non_ascii = if entry_json.is_ascii() {
        0
    } else {
        entry_json.bytes().filter(|byte| !byte.is_ascii()).count()
    };
    let [length, non_ascii] = [entry_json.len(), non_ascii].map(|count| count as u64);
    ENTRY_WORK_BYTES + length + NON_ASCII_WORK_BYTES * non_ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(max_work_bytes: u64) -> Checks {
        Checks::new(CancellationToken::new()).with_max_work(max_work_bytes)
    }

    #[test]
    fn the_limit_counts_entries_bytes_and_characters_outside_ascii() {
        for (json, work) in [("", 150), ("abcd", 154), ("aé", 150 + 3 + 40)] {
            assert!(checks(work).permit(json).is_ok(), "{json}");
            assert!(matches!(checks(work - 1).permit(json), Err(Failure::TooCostly)), "{json}");
        }
        let checks = checks(400);
        assert!(checks.permit("a").is_ok() && checks.permit("b").is_ok());
        assert!(matches!(checks.permit("c"), Err(Failure::TooCostly)));
    }

    #[test]
    fn the_first_failure_is_the_error_of_the_search() {
        let checks = checks(0);
        assert!(checks.result().is_ok() && !checks.has_failed());
        checks.fail(Failure::TooCostly);
        checks.fail(Failure::Cancelled);
        let error = checks.result().unwrap_err();
        assert!(matches!(error, crate::Error::Rejected { .. }), "{error}");
    }

    #[test]
    fn checks_end_when_the_search_is_cancelled() {
        let token = CancellationToken::new();
        let checks = Checks::new(token.clone());
        assert!(checks.permit("a").is_ok());
        token.cancel();
        assert!(matches!(checks.permit("a"), Err(Failure::Cancelled)));
        assert!(matches!(checks.result(), Err(crate::Error::Unavailable { .. })));
    }
}
