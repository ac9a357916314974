//! Ranges of ids. The store is read range by range, in order of arrival.

use crate::log_entry::{Day, EntryId, Timestamp};

/// A range of ids. A bound that is absent does not restrict it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdRange {
    /// Only ids after this one.
    pub after: Option<EntryId>,
    /// Only ids up to and including this one.
    pub until: Option<EntryId>,
}

impl IdRange {
    /// Every id.
    pub const ALL: Self = Self { after: None, until: None };

    /// The ids with a time at or after `from` and before `to`.
    #[must_use]
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        match EntryId::last_before(to) {
            Some(until) => Self { after: EntryId::last_before(from), until: Some(until) },
            None => Self { after: Some(EntryId::FIRST), until: Some(EntryId::FIRST) },
        }
    }

    /// The ids of the entries that arrived on the day.
    #[must_use]
    pub fn of_day(day: Day) -> Self {
        Self::of_days(Some(day), Some(day))
    }

    /// The ids of the entries that arrived from the first to the last day, both included. A day
    /// that is absent does not restrict the range.
    #[must_use]
    pub fn of_days(first: Option<Day>, last: Option<Day>) -> Self {
        let before = |time: Option<Timestamp>| time.and_then(EntryId::last_before);
        Self { after: before(first.map(Day::start)), until: before(last.map(Day::end)) }
    }

    /// The rest of the range after `id`.
    #[must_use]
    pub fn after(self, id: EntryId) -> Self {
        Self { after: Some(id), ..self }
    }

    /// The bounds as the database compares them: an id must be greater than the first, and at most
    /// the second.
    #[cfg(any(feature = "mysql", feature = "sqlite"))]
    pub(super) fn bounds(self) -> (Vec<u8>, Vec<u8>) {
        let bytes = |id: EntryId| id.as_bytes().to_vec();
        let until = self.until.map_or_else(|| vec![u8::MAX; 16], bytes);
        (self.after.map(bytes).unwrap_or_default(), until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::Arrival;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn contains(range: IdRange, id: EntryId) -> bool {
        range.after.is_none_or(|after| after < id) && range.until.is_none_or(|until| id <= until)
    }

    #[test]
    fn a_time_range_includes_its_start_and_excludes_its_end() {
        let range = IdRange::between(at("2024-06-14T00:00:00Z"), at("2024-06-15T00:00:00Z"));
        for (time, is_contained) in [
            ("2024-06-13T23:59:59.999Z", false),
            ("2024-06-14T00:00:00Z", true),
            ("2024-06-14T23:59:59.999Z", true),
            ("2024-06-15T00:00:00Z", false),
        ] {
            let id = Arrival::new(at(time)).id(0);
            assert_eq!(contains(range, id), is_contained, "{time}");
        }
    }

    #[test]
    fn a_range_of_days_includes_the_last_one() {
        let [first, last] = ["2024-06-14", "2024-06-15"].map(|text| text.parse().ok());
        for (time, expected) in [
            ("2024-06-13T23:59:59.999Z", [false, false, true, true]),
            ("2024-06-14T00:00:00Z", [true, true, true, true]),
            ("2024-06-15T23:59:59.999Z", [true, true, true, true]),
            ("2024-06-16T00:00:00Z", [false, true, false, true]),
        ] {
            let id = Arrival::new(at(time)).id(0);
            let ranges = [(first, last), (first, None), (None, last), (None, None)];
            let found = ranges.map(|(first, last)| contains(IdRange::of_days(first, last), id));
            assert_eq!(found, expected, "{time}");
        }
        let day = IdRange::of_day("1970-01-01".parse().unwrap());
        assert!(contains(day, EntryId::FIRST));
    }

    #[test]
    fn a_bound_within_a_millisecond_excludes_that_millisecond() {
        let range = IdRange::between(at("2024-06-14T00:00:00.0001Z"), Timestamp::MAX);
        assert!(!contains(range, Arrival::new(at("2024-06-14T00:00:00Z")).id(0)));
        assert!(contains(range, Arrival::new(at("2024-06-14T00:00:00.001Z")).id(0)));
    }

    #[test]
    fn nothing_arrives_before_1970() {
        let start = Timestamp::from_micros(0).unwrap();
        let range = IdRange::between(start, start);
        assert!(!contains(range, EntryId::FIRST));
        assert!(!contains(range, Arrival::new(start).id(0)));
    }
}
