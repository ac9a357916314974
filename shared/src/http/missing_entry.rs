//! The responses for entries that were not found, or that the index may not contain yet.

use poem::http::StatusCode;

use super::problem::Problem;
use crate::log_entry::{Day, EntryId, Timestamp};
use crate::retention::Class;

/// How long an entry may take from its arrival until it can be found, in microseconds. A missing
/// entry with an older id is assumed not to exist.
const MAX_DELAY_MICROS: u64 = 10 * 60 * 1_000_000;

/// The `Retry-After` value, in seconds, while the index is being built.
const REBUILDING_SECONDS: u32 = 10;

/// Whether the entry with this id may still be on the queue.
#[must_use]
pub fn may_be_pending(id: EntryId, now: Timestamp) -> bool {
    id.time().as_micros().abs_diff(now.as_micros()) <= MAX_DELAY_MICROS
}

/// The problem for an entry that was not found: a 404, with `Retry-After` if the entry may still be
/// on the queue. `None` stands for text that is not a valid id, which no entry can have.
#[must_use]
pub fn missing_entry(id: Option<EntryId>, now: Timestamp) -> Problem {
    let problem = Problem::new(StatusCode::NOT_FOUND, "no log entry has this id");
    match id {
        Some(id) if may_be_pending(id, now) => problem.retry_after(1),
        _ => problem,
    }
}

/// The problem for an entry that was not found, and arrived on a day of which the entries of a class
/// have been dropped.
#[must_use]
pub fn dropped_day(day: Day, class: &Class) -> Problem {
    let which = match class.condition() {
        Some(rule) => format!("entries of {day} that meet the retention rule {rule}"),
        None => format!("entries of {day}"),
    };
    Problem::new(StatusCode::GONE, format!("{which} are no longer kept"))
}

/// The problem for a request that requires entries that the index may not contain yet, because it is
/// being built.
#[must_use]
pub fn rebuilding() -> Problem {
    let detail = "the index is being built, so entries may be missing; retry later";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(REBUILDING_SECONDS)
}
