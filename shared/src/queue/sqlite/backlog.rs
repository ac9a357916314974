//! Measures the backlog: the number of records that are not committed, and the age of the oldest one.

use std::time::Duration;

use sqlx::SqlitePool;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::metrics;
use super::reader::PARTITION;
use crate::log_entry::{LogEntry, Timestamp};

/// Starts a task that reports the backlog periodically until the returned guard is dropped.
pub(super) fn start_reporter(reader: SqlitePool, period: Duration) -> DropGuard {
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    tokio::spawn(async move {
        let report = report_every(period, &reader);
        stop.run_until_cancelled(report).await;
    });
    guard
}

async fn report_every(period: Duration, reader: &SqlitePool) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match measure(reader).await {
            Ok(backlog) => {
                metrics::report_lag(PARTITION, backlog.records);
                metrics::report_oldest_age(backlog.oldest_age);
            }
            Err(error) => tracing::debug!(%error, "measuring the backlog failed"),
        }
    }
}

#[derive(Debug, PartialEq)]
struct Backlog {
    records: i64,
    oldest_age: Duration,
}

async fn measure(reader: &SqlitePool) -> sqlx::Result<Backlog> {
    // Offsets have no gaps, so two lookups are enough to count the records without scanning the table.
    let records: Option<i64> = sqlx::query_scalar(
        "SELECT (SELECT MAX(offset) FROM records) - (SELECT committed FROM progress)",
    )
    .fetch_one(reader)
    .await?;
    let oldest: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT value FROM records WHERE offset > (SELECT committed FROM progress)
         ORDER BY offset LIMIT 1",
    )
    .fetch_optional(reader)
    .await?;
    let arrived = oldest.as_deref().and_then(arrival_time);
    let oldest_age = arrived.map_or(Duration::ZERO, age);
    Ok(Backlog { records: records.unwrap_or(0), oldest_age })
}

/// The arrival time of a record: the time in the id of its first entry.
fn arrival_time(record: &[u8]) -> Option<Timestamp> {
    let mut lines = record.split(|byte| *byte == b'\n');
    let first = lines.find_map(|line| LogEntry::from_json(line).ok())?;
    Some(first.id.time())
}

fn age(arrived: Timestamp) -> Duration {
    let micros = Timestamp::now().as_micros() - arrived.as_micros();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::log_entry::Arrival;
    use crate::queue::{Queue, Record};
    use crate::testing::EntryBuilder;

    const HOUR_MICROS: i64 = 3_600_000_000;

    fn hour_old_entry() -> LogEntry {
        let time = Timestamp::from_micros(Timestamp::now().as_micros() - HOUR_MICROS).unwrap();
        EntryBuilder::new("old").arrival(&Arrival::new(time), 0).build()
    }

    async fn open_in(directory: &tempfile::TempDir) -> Queue {
        let url = format!("sqlite://{}/queue.db", directory.path().display());
        super::super::open(&url.parse().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn the_backlog_is_reported_until_it_is_committed() {
        let metrics = PrometheusBuilder::new().build_recorder();
        let _guard = ::metrics::set_default_local_recorder(&metrics);
        let directory = tempfile::tempdir().unwrap();
        let queue = open_in(&directory).await;
        let record = Record::of(&hour_old_entry());
        queue.producer.publish(vec![record.clone(), record.clone(), record]).await.unwrap();

        let batch = queue.consumer.poll().await.unwrap();
        let rendered = || metrics.handle().render();
        wait_until(|| rendered().contains("queue_oldest_age_seconds 36")).await;
        assert!(rendered().contains("queue_lag{partition=\"0\"} 3"), "{}", rendered());

        queue.consumer.commit(batch).await.unwrap();
        wait_until(|| rendered().contains("queue_oldest_age_seconds 0\n")).await;
        assert!(rendered().contains("queue_lag{partition=\"0\"} 0"), "{}", rendered());
    }

    async fn wait_until(condition: impl Fn() -> bool) {
        let poll = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(metrics::INTERVAL * 4, poll).await.unwrap();
    }

    #[test]
    fn a_record_has_the_arrival_time_of_its_first_entry() {
        let entry = hour_old_entry();
        let record = [&b"not json"[..], &entry.to_json()].join(&b'\n');
        assert_eq!(arrival_time(&record), Some(entry.id.time()));
        assert_eq!(arrival_time(b"not json"), None);
    }
}
