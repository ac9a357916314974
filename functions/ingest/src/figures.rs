//! What a person on call wants to know of the entries that came: taken, or refused for which reason.

use metrics::counter;
use shared::http::Problem;

/// The entry is none, or a field of it is wrong.
pub(crate) const INVALID: &str = "invalid";
/// The entry or the body that brings it is too large.
pub(crate) const TOO_LARGE: &str = "too_large";

/// Entries are safe on the queue.
pub(crate) fn accepted(entries: usize) {
    counter!("ingest_entries_accepted_total").increment(entries as u64);
}

/// Entries were not taken.
pub(crate) fn refused(reason: &'static str, entries: usize) {
    counter!("ingest_entries_refused_total", "reason" => reason).increment(entries as u64);
}

/// So many entries were refused together. A body that was not read counts as one: nobody knows how
/// many it has.
pub(crate) fn refused_by(problem: &Problem, entries: usize) {
    refused(reason(problem), entries);
}

/// The reason that a client is told by a status.
fn reason(problem: &Problem) -> &'static str {
    match problem.status {
        400 => INVALID,
        408 => "too_slow",
        413 => TOO_LARGE,
        415 => "unsupported",
        503 => "unavailable",
        _ => "failed",
    }
}
