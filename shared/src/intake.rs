//! The path of accepted entries: from a decoded request to records on the queue.
//! `NewLogEntry -- arrive, pack --> Packed -- publish --> result`
//!
//! An ingest function decodes its protocol and packs the entries: [`pack_one`] for a request with
//! one entry, a [`Packer`] for many. A result is available only from [`Packed::publish`], so no
//! client learns the id of an entry that is not yet durable. An [`Intake`] does this within the
//! limits of a function, which handles the wire format.

mod body_packer;
mod metrics;
mod packer;
mod rejection;
mod service;
pub mod shape;
pub mod syslog;
mod workers;

pub use body_packer::BodyPacker;
pub use metrics::{Protocol, count_rejected};
pub use packer::{Outcome, Packer, Report, TooManyEntries};
pub use rejection::{Reason, Rejection};
pub use service::{Intake, Limits, program, serve};

use crate::TraceParent;
use crate::error::Error;
use crate::log_entry::{Arrival, EntryId, NewLogEntry, ValidationError};
use crate::queue::{Producer, Record, RecordPacker};
use crate::retry::{backoff, pause};
use metrics::start_counters;
use workers::Workers;

/// The accepted entries of a request as records, and the result to report once they are durable.
#[derive(Debug)]
pub struct Packed<T> {
    protocol: Protocol,
    records: Vec<Record>,
    entries: usize,
    result: T,
}

impl<T> Packed<T> {
    /// The size of the records in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.records.iter().map(|record| record.as_bytes().len()).sum()
    }

    /// The result, which must not be reported before the records are published.
    #[must_use]
    pub fn result(&self) -> &T {
        &self.result
    }

    /// Replaces the result.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Packed<U> {
        let Self { protocol, records, entries, result } = self;
        Packed { protocol, records, entries, result: convert(result) }
    }

    /// Publishes the records as part of the request's trace, and returns the result.
    ///
    /// # Errors
    /// When the queue fails. Some or all of the entries may be on the queue nonetheless.
    pub async fn publish(self, queue: &dyn Producer, trace: TraceParent) -> Result<T, Error> {
        if !self.records.is_empty() {
            let published = queue.publish(traced(self.records, trace)).await;
            published.inspect_err(|error| {
                count_rejected(self.protocol, error.into(), self.entries);
            })?;
        }
        metrics::count_accepted(self.protocol, self.entries);
        Ok(self.result)
    }

    /// Publishes the records as [`Packed::publish`] does, but retries until the queue accepts them,
    /// for a protocol that cannot report failures to its clients.
    ///
    /// # Errors
    /// When the queue will never accept the records ([`Error::Rejected`]).
    pub async fn publish_persistently(
        self,
        queue: &dyn Producer,
        trace: TraceParent,
    ) -> Result<T, Error> {
        let records = traced(self.records, trace);
        let mut pauses = backoff();
        while !records.is_empty() {
            match queue.publish(records.clone()).await {
                Ok(()) => break,
                Err(error @ Error::Rejected { .. }) => {
                    count_rejected(self.protocol, (&error).into(), self.entries);
                    return Err(error);
                }
                Err(error) if error.is_repeated() => {}
                Err(error) => {
                    let (protocol, entries) = (self.protocol.as_str(), self.entries);
                    tracing::warn!(protocol, entries, %error, "cannot publish entries; retrying");
                }
            }
            pause(&mut pauses).await;
        }
        metrics::count_accepted(self.protocol, self.entries);
        Ok(self.result)
    }
}

fn traced(records: Vec<Record>, trace: TraceParent) -> Vec<Record> {
    records.into_iter().map(|record| record.traced(trace)).collect()
}

/// Packs a request's only entry.
///
/// # Errors
/// When the entry is invalid or too large.
pub fn pack_one<E: Into<ValidationError>>(
    protocol: Protocol,
    entry: Result<NewLogEntry, E>,
    arrival: &Arrival,
    limits: &Limits,
) -> Result<Packed<EntryId>, Rejection> {
    let mut records = RecordPacker::default();
    let packed = match entry {
        Ok(entry) => pack(entry, arrival, 0, limits, &mut records),
        Err(error) => Err(Rejection::invalid(0, error.into())),
    };
    let id = packed.inspect_err(|rejection| count_rejected(protocol, rejection.reason, 1))?;
    Ok(Packed { protocol, records: records.finish(), entries: 1, result: id })
}

/// Fills in an entry's defaults, decides its retention and adds the entry to the records.
fn pack(
    entry: NewLogEntry,
    arrival: &Arrival,
    position: u32,
    limits: &Limits,
    records: &mut RecordPacker,
) -> Result<EntryId, Rejection> {
    let mut entry =
        entry.arrive(arrival, position).map_err(|error| Rejection::invalid(position, error))?;
    entry.retention = limits.retention.class(&entry);
    let max_bytes = limits.max_entry_bytes;
    records
        .push(&entry, max_bytes)
        .map_err(|bytes| Rejection::too_large(position, bytes, max_bytes))?;
    Ok(entry.id)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::error::Ready;
    use crate::http::BodyLimits;
    use crate::log_entry::{LogEntry, Timestamp};
    use crate::retention::Class;
    use crate::testing::Broken;

    const VALID: &[u8] = br#"{"service":"a","message":"m"}"#;
    const REPORT: Report = Report { ids: false, max_rejections: 10 };

    /// A queue that accepts every record and discards it.
    struct DiscardingQueue;

    #[async_trait]
    impl Ready for DiscardingQueue {
        async fn ready(&self) -> Result<(), Error> {
            Ok(())
        }
    }

    #[async_trait]
    impl Producer for DiscardingQueue {
        async fn publish(&self, _: Vec<Record>) -> Result<(), Error> {
            Ok(())
        }
    }

    fn arrival() -> Arrival {
        Arrival::new(Timestamp::now())
    }

    fn limits(max_entry_bytes: usize) -> Limits {
        Limits::new(BodyLimits::new(1000, 1000), max_entry_bytes)
            .with_retention("30d; level:debug=3d".parse().unwrap())
    }

    fn class(condition: &str) -> Class {
        Class::new(condition).unwrap()
    }

    /// Packs three entries, one of them invalid, and publishes them to `queue`.
    async fn publish_two_of_three(queue: &dyn Producer) -> Result<Outcome, Error> {
        let mut packer = Packer::new(Protocol::Logs, arrival(), limits(1000), REPORT);
        for (position, json) in [VALID, b"{}", VALID].into_iter().enumerate() {
            packer.push(position, NewLogEntry::from_json(json)).unwrap();
        }
        packer.finish().publish(queue, TraceParent::start()).await
    }

    /// The metrics that `future` records.
    fn metrics_of(future: impl Future) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        ::metrics::with_local_recorder(&recorder, || runtime.block_on(future));
        recorder.handle().render()
    }

    #[test]
    fn entries_are_counted_as_accepted_once_they_are_on_the_queue() {
        let text = metrics_of(publish_two_of_three(&DiscardingQueue));
        assert!(text.contains(r#"ingest_entries_accepted_total{protocol="logs"} 2"#), "{text}");
        let refused = r#"ingest_entries_refused_total{protocol="logs",reason="invalid"} 1"#;
        assert!(text.contains(refused), "{text}");
    }

    #[test]
    fn entries_that_cannot_be_published_are_counted_as_rejected() {
        let text = metrics_of(publish_two_of_three(&Broken));
        assert!(!text.contains("ingest_entries_accepted_total"), "{text}");
        let refused = r#"ingest_entries_refused_total{protocol="logs",reason="unavailable"} 2"#;
        assert!(text.contains(refused), "{text}");
    }

    /// A queue that returns each of these errors once, and then accepts every record.
    struct FailingQueue(Mutex<Vec<Error>>);

    #[async_trait]
    impl Ready for FailingQueue {
        async fn ready(&self) -> Result<(), Error> {
            Ok(())
        }
    }

    #[async_trait]
    impl Producer for FailingQueue {
        async fn publish(&self, _: Vec<Record>) -> Result<(), Error> {
            self.0.lock().unwrap().pop().map_or(Ok(()), Err)
        }
    }

    #[test]
    fn persistent_publishing_ends_when_the_queue_accepts_or_rejects_the_entries() {
        for (error, accepted, refused) in [
            (Error::unavailable("queue", "down"), 1, "reason=\"unavailable\"} 0"),
            (Error::failed("queue", "broken"), 1, "reason=\"unavailable\"} 0"),
            (Error::rejected("queue", "too large"), 0, "reason=\"failed\"} 1"),
        ] {
            let text = metrics_of(async {
                start_counters(Protocol::Syslog);
                let packed = pack_one(
                    Protocol::Syslog,
                    NewLogEntry::from_json(VALID),
                    &arrival(),
                    &limits(1000),
                );
                let queue = FailingQueue(Mutex::new(vec![error]));
                let published =
                    packed.unwrap().publish_persistently(&queue, TraceParent::start()).await;
                assert_eq!(published.is_ok(), accepted == 1);
            });
            let accepted =
                format!("ingest_entries_accepted_total{{protocol=\"syslog\"}} {accepted}");
            assert!(text.contains(&accepted) && text.contains(refused), "{text}");
        }
    }

    #[tokio::test]
    async fn a_request_without_valid_entries_does_not_use_the_queue() {
        let packed = Packer::new(Protocol::Logs, arrival(), limits(1000), REPORT).finish();
        let outcome = packed.publish(&Broken, TraceParent::start()).await.unwrap();
        assert_eq!(outcome.accepted, 0);
    }

    #[test]
    fn the_class_of_an_entry_is_decided_when_it_is_packed() {
        for (level, class) in [("info", Class::DEFAULT), ("debug", class("level:debug"))] {
            let json = format!(r#"{{"service":"a","message":"m","level":"{level}"}}"#);
            let entry = NewLogEntry::from_json(json.as_bytes());
            let packed = pack_one(Protocol::Logs, entry, &arrival(), &limits(1000)).unwrap();
            let entry = LogEntry::from_json(packed.records[0].as_bytes()).unwrap();
            assert_eq!(entry.retention, class);
        }
    }

    #[test]
    fn a_single_entry_is_packed_or_rejected_with_a_reason() {
        let packed =
            pack_one(Protocol::Logs, NewLogEntry::from_json(VALID), &arrival(), &limits(1000))
                .unwrap();
        assert!(packed.bytes() > VALID.len());
        for (json, max_bytes, reason) in
            [(&b"{}"[..], 1000, Reason::Invalid), (VALID, 100, Reason::TooLarge)]
        {
            let rejection = pack_one(
                Protocol::Logs,
                NewLogEntry::from_json(json),
                &arrival(),
                &limits(max_bytes),
            )
            .unwrap_err();
            assert_eq!((rejection.position, rejection.reason), (0, reason));
        }
    }
}
