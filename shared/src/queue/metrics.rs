//! The metrics of the backlog, the same for every adapter.

use std::time::Duration;

use metrics::gauge;

/// How often an adapter measures its backlog.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);

/// Reports how many records of a partition are not yet committed.
pub(super) fn report_lag(partition: i32, records: i64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, exact up to 2^53 records")]
    gauge!("queue_lag", "partition" => partition.to_string()).set(records as f64);
}

/// Reports the age of the oldest record that is not yet committed, or zero if there is none.
pub(super) fn report_oldest_age(age: Duration) {
    gauge!("queue_oldest_age_seconds").set(age.as_secs_f64());
}
