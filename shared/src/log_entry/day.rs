//! Days of arrival.

use std::fmt;
use std::str::FromStr;

use super::{EntryId, Timestamp};

/// A day of arrival in UTC. In a cluster, it determines the index of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// Days since 1970-01-01.
    since_1970: u32,
}

impl Day {
    /// The length of a day as bytes.
    #[cfg(any(feature = "tantivy", test))]
    pub(crate) const BYTES: usize = 4;

    /// The day on which the entry with this id arrived.
    #[must_use]
    pub fn of(id: EntryId) -> Self {
        Self::at(id.time())
    }

    /// The current day.
    #[must_use]
    pub fn today() -> Self {
        Self::at(Timestamp::now())
    }

    /// The day that contains the time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        let since_1970 = time.as_micros() / Timestamp::MICROS_PER_DAY;
        // Timestamps are between the years 1970 and 9999.
        Self { since_1970: u32::try_from(since_1970).unwrap_or_default() }
    }

    /// The day as bytes, in the same order as the days.
    #[cfg(any(feature = "tantivy", test))]
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        self.since_1970.to_be_bytes()
    }

    /// Creates a day from the bytes that [`to_bytes`](Self::to_bytes) returned.
    #[cfg(any(feature = "tantivy", test))]
    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self { since_1970: u32::from_be_bytes(bytes) }
    }

    /// The day after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self { since_1970: self.since_1970.saturating_add(1) }
    }

    /// The days from this one to `last`, both included.
    #[cfg(feature = "mysql")]
    pub(crate) fn to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.since_1970..=last.since_1970).map(|since_1970| Self { since_1970 })
    }

    /// The day this number of days before, but not before 1970.
    pub(crate) fn minus(self, days: u32) -> Self {
        Self { since_1970: self.since_1970.saturating_sub(days) }
    }

    /// The day this number of days later.
    pub(crate) fn plus(self, days: u32) -> Self {
        Self { since_1970: self.since_1970.saturating_add(days) }
    }

    /// The smallest id of the day after this one, as bytes.
    #[cfg(feature = "mysql")]
    pub(crate) fn end_of_ids(self) -> [u8; 16] {
        let millis = u128::try_from(self.end().as_micros() / 1000).unwrap_or_default();
        (millis << 80).to_be_bytes()
    }

    /// The first microsecond of the day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        let micros = i64::from(self.since_1970) * Timestamp::MICROS_PER_DAY;
        Timestamp::saturating_from_micros(micros)
    }

    /// The first microsecond after the day, or [`Timestamp::MAX`] for the last day.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.next().start()
    }
}

impl FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let midnight = Timestamp::parse(&format!("{text}T00:00:00Z"));
        let day = midnight.map(Self::at).ok().filter(|day| day.to_string() == text);
        day.ok_or("must be a day in the years 1970 to 9999 such as 2026-11-23")
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.start().to_string().split('T').next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::Arrival;

    #[test]
    fn days_are_parsed_and_displayed_as_dates() {
        for text in ["1970-01-01", "2024-02-29", "2026-11-23", "9999-12-31"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        for text in ["", "2026-11", "2026-02-29", "1969-12-31", "2026-11-23T00:00:00Z", "today"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_bytes_of_days_are_in_the_same_order_as_the_days() {
        for (text, bytes) in
            [("1970-01-01", [0; 4]), ("1970-01-02", [0, 0, 0, 1]), ("2024-06-10", [0, 0, 77, 172])]
        {
            let day: Day = text.parse().unwrap();
            assert_eq!((day.to_bytes(), Day::from_bytes(bytes)), (bytes, day));
        }
    }

    #[test]
    fn the_day_of_an_id_contains_its_time() {
        for (time, day) in [
            ("2026-11-22T23:59:59.999Z", "2026-11-22"),
            ("2026-11-23T00:00:00Z", "2026-11-23"),
            ("2026-11-23T23:59:59.999Z", "2026-11-23"),
        ] {
            let id = Arrival::new(Timestamp::parse(time).unwrap()).id(0);
            assert_eq!(Day::of(id).to_string(), day);
            assert!((Day::of(id).start()..Day::of(id).end()).contains(&id.time()));
        }
    }
}
