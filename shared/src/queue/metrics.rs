//! Backlog metrics, shared by all adapters.

use std::time::Duration;

use metrics::gauge;

/// How often an adapter measures its backlog.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);

/// Reports the number of uncommitted records in a partition.
pub(super) fn report_lag(partition: i32, records: i64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is an f64, exact up to 2^53 records")]
    gauge!("queue_lag", "partition" => partition.to_string()).set(records as f64);
}

/// Reports the age of the oldest uncommitted record; zero if all are committed.
pub(super) fn report_oldest_age(age: Duration) {
    gauge!("queue_oldest_age_seconds").set(age.as_secs_f64());
}
