//! Packs a request's entries one at a time, so that the parsed entries are never all in memory.

use super::{Limits, Packed, Protocol, Reason, Rejection, count_rejected, pack};
use crate::log_entry::{Arrival, EntryId, MAX_POSITION, NewLogEntry, ValidationError};
use crate::queue::RecordPacker;

/// The result of packing a request's entries.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The number of accepted entries.
    pub accepted: usize,
    /// The number of rejected entries.
    pub rejected: usize,
    /// The first rejections, at most [`Report::max_rejections`].
    pub rejections: Vec<Rejection>,
    /// The id of each entry, or `None` if it was rejected. Collected only with [`Report::ids`].
    pub ids: Option<Vec<Option<EntryId>>>,
}

/// The details that an [`Outcome`] contains besides the counts.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Whether to collect the ids.
    pub ids: bool,
    /// The maximum number of rejections to explain. Explaining one is the slowest step.
    pub max_rejections: usize,
}

/// The request has too many entries for their positions to fit in their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request must have at most {} entries", MAX_POSITION + 1)]
pub struct TooManyEntries;

/// Packs the entries of one request into records.
#[derive(Debug)]
pub struct Packer {
    protocol: Protocol,
    arrival: Arrival,
    limits: Limits,
    max_rejections: usize,
    records: RecordPacker,
    outcome: Outcome,
}

impl Packer {
    /// Creates a packer for the request with this arrival.
    #[must_use]
    pub fn new(protocol: Protocol, arrival: Arrival, limits: Limits, report: Report) -> Self {
        let outcome = Outcome { ids: report.ids.then(Vec::new), ..Outcome::default() };
        Self {
            protocol,
            arrival,
            limits,
            max_rejections: report.max_rejections,
            records: RecordPacker::default(),
            outcome,
        }
    }

    /// Packs or rejects the entry at `position` in the request, from 0. A decoder's error is
    /// converted only if the rejection is reported.
    ///
    /// # Errors
    /// When the position is too large to fit in an id.
    pub fn push<E: Into<ValidationError>>(
        &mut self,
        position: usize,
        entry: Result<NewLogEntry, E>,
    ) -> Result<(), TooManyEntries> {
        let position = entry_position(position)?;
        match entry {
            Ok(entry) => self.pack(position, entry),
            Err(error) => {
                self.reject(Reason::Invalid, || Rejection::invalid(position, error.into()));
            }
        }
        Ok(())
    }

    /// The size of the entries packed so far, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.records.bytes()
    }

    /// Packs or rejects the entry as [`Packer::push`] does, and returns its id or why it was
    /// rejected, for protocols with responses that describe every entry.
    ///
    /// # Errors
    /// When the position is too large to fit in an id.
    pub fn push_one(
        &mut self,
        position: usize,
        entry: Result<NewLogEntry, ValidationError>,
    ) -> Result<Result<EntryId, Rejection>, TooManyEntries> {
        let position = entry_position(position)?;
        let packed = match entry {
            Ok(entry) => pack(entry, &self.arrival, position, &self.limits, &mut self.records),
            Err(error) => Err(Rejection::invalid(position, error)),
        };
        match &packed {
            Ok(id) => self.accept(*id),
            Err(rejection) => self.reject(rejection.reason, || rejection.clone()),
        }
        Ok(packed)
    }

    /// Returns the records and the outcome.
    #[must_use]
    pub fn finish(self) -> Packed<Outcome> {
        let entries = self.outcome.accepted;
        Packed {
            protocol: self.protocol,
            records: self.records.finish(),
            entries,
            result: self.outcome,
        }
    }

    fn pack(&mut self, position: u32, entry: NewLogEntry) {
        let packed = pack(entry, &self.arrival, position, &self.limits, &mut self.records);
        match packed {
            Ok(id) => self.accept(id),
            Err(rejection) => self.reject(rejection.reason, || rejection),
        }
    }

    fn accept(&mut self, id: EntryId) {
        self.outcome.accepted += 1;
        self.report_id(Some(id));
    }

    fn reject(&mut self, reason: Reason, rejection: impl FnOnce() -> Rejection) {
        count_rejected(self.protocol, reason, 1);
        self.outcome.rejected += 1;
        self.report_id(None);
        if self.outcome.rejections.len() < self.max_rejections {
            self.outcome.rejections.push(rejection());
        }
    }

    fn report_id(&mut self, id: Option<EntryId>) {
        if let Some(ids) = &mut self.outcome.ids {
            ids.push(id);
        }
    }
}

fn entry_position(position: usize) -> Result<u32, TooManyEntries> {
    let position = u32::try_from(position).ok();
    position.filter(|position| *position <= MAX_POSITION).ok_or(TooManyEntries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::BodyLimits;
    use crate::log_entry::{LogEntry, Timestamp};

    fn packer(report: Report) -> Packer {
        let limits = Limits::new(BodyLimits::new(1000, 1000), 200);
        Packer::new(Protocol::Logs, Arrival::new(Timestamp::now()), limits, report)
    }

    fn json(message: &str) -> Vec<u8> {
        format!(r#"{{"service":"a","message":"{message}"}}"#).into_bytes()
    }

    #[test]
    fn valid_entries_are_packed_and_the_others_reported_by_position() {
        let bodies = [json("one"), b"not json".to_vec(), json(&"m".repeat(200)), json("two")];
        let mut packer = packer(Report { ids: true, max_rejections: 10 });
        for (position, body) in bodies.iter().enumerate() {
            packer.push(position, NewLogEntry::from_json(body)).unwrap();
        }

        let Packed { records, result: outcome, .. } = packer.finish();

        assert_eq!((outcome.accepted, outcome.rejected), (2, 2));
        let rejections = outcome.rejections.iter();
        let rejections: Vec<_> =
            rejections.map(|rejection| (rejection.position, rejection.reason)).collect();
        assert_eq!(rejections, [(1, Reason::Invalid), (2, Reason::TooLarge)]);
        let ids = outcome.ids.unwrap();
        assert_eq!(ids.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, true]);
        let entries: Vec<LogEntry> = records
            .iter()
            .flat_map(|record| record.as_bytes().split(|byte| *byte == b'\n'))
            .map(|line| LogEntry::from_json(line).unwrap())
            .collect();
        assert_eq!(
            entries.iter().map(|entry| Some(entry.id)).collect::<Vec<_>>(),
            [ids[0], ids[3]]
        );
    }

    #[test]
    fn rejections_beyond_the_maximum_are_counted_but_not_explained() {
        struct Unexplained;
        impl From<Unexplained> for ValidationError {
            fn from(_: Unexplained) -> Self {
                panic!("a rejection was explained but not reported")
            }
        }
        let mut packer = packer(Report { ids: false, max_rejections: 0 });

        packer.push(0, Err(Unexplained)).unwrap();

        let outcome = packer.finish().result;
        assert_eq!(outcome.rejected, 1);
        assert!(outcome.rejections.is_empty());
    }

    #[test]
    fn a_position_that_does_not_fit_in_an_id_is_rejected() {
        let mut packer = packer(Report { ids: false, max_rejections: 0 });
        let body = json("m");
        let mut push = |position| packer.push(position, NewLogEntry::from_json(&body));
        assert_eq!(push(MAX_POSITION as usize), Ok(()));
        assert_eq!(push(MAX_POSITION as usize + 1), Err(TooManyEntries));
    }
}
