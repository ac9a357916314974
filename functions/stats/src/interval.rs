//! Intervals of time, and the buckets into which they divide a range.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;
use shared::Timestamp;

use Unit::{Day, Hour, Minute, Month, Second, Week, Year};

/// The maximum number of buckets.
pub(crate) const MAX_BUCKETS: i64 = 1000;

/// The maximum number of buckets for an automatic interval.
const MAX_AUTOMATIC_BUCKETS: i64 = 60;

/// The automatic intervals, shortest first.
const AUTOMATIC: [Interval; 32] = [
    Interval(1, Second),
    Interval(2, Second),
    Interval(5, Second),
    Interval(10, Second),
    Interval(15, Second),
    Interval(30, Second),
    Interval(1, Minute),
    Interval(2, Minute),
    Interval(5, Minute),
    Interval(10, Minute),
    Interval(15, Minute),
    Interval(30, Minute),
    Interval(1, Hour),
    Interval(2, Hour),
    Interval(3, Hour),
    Interval(6, Hour),
    Interval(12, Hour),
    Interval(1, Day),
    Interval(2, Day),
    Interval(1, Week),
    Interval(2, Week),
    Interval(1, Month),
    Interval(2, Month),
    Interval(3, Month),
    Interval(6, Month),
    Interval(1, Year),
    Interval(2, Year),
    Interval(5, Year),
    Interval(10, Year),
    Interval(20, Year),
    Interval(50, Year),
    Interval(200, Year),
];

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// The days from Monday, 1969-12-29, to 1970-01-01.
const DAYS_SINCE_MONDAY: i64 = 3;

/// A number of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval(u32, Unit);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// Where the buckets of an interval start.
#[derive(Clone, Copy)]
enum Grid {
    /// Every so many seconds, shifted by the offset of the time zone.
    Seconds { step: i64, offset: i64 },
    /// At the same local times every day. The step divides a day.
    SecondsOfDay { step: i64 },
    /// At midnight, every so many days.
    Days { step: i64, shift: i64 },
    /// At midnight on the first day of the month, every so many months.
    Months { step: i64 },
}

impl Interval {
    /// Parses a whole number and a unit, such as `10s`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = match unit {
            "s" => Some(Second),
            "m" => Some(Minute),
            "h" => Some(Hour),
            "d" => Some(Day),
            "w" => Some(Week),
            "mo" => Some(Month),
            "y" => Some(Year),
            _ => None,
        };
        let number = number.parse().ok().filter(|number| (1..=9999).contains(number));
        number.zip(unit).map(|(number, unit)| Self(number, unit)).ok_or_else(|| {
            "must be auto, or a number from 1 to 9999 and a unit (s, m, h, d, w, mo, y), such as 10s"
                .to_owned()
        })
    }

    /// The shortest automatic interval that divides a range into at most [`MAX_AUTOMATIC_BUCKETS`].
    pub(crate) fn automatic(from: Timestamp, to: Timestamp, zone: Tz) -> Self {
        let has_few = |interval: &Self| interval.count(from, to, zone) <= MAX_AUTOMATIC_BUCKETS;
        AUTOMATIC.into_iter().find(has_few).unwrap_or(Interval(200, Year))
    }

    /// The number of buckets that contain the times from `from` to just before `to`.
    pub(crate) fn count(self, from: Timestamp, to: Timestamp, zone: Tz) -> i64 {
        let (first, last) = self.indexes(from, to, zone);
        last - first + 1
    }

    /// The boundaries of the buckets that cover a range: the start of each, and the end of the last.
    pub(crate) fn boundaries(self, from: Timestamp, to: Timestamp, zone: Tz) -> Vec<Timestamp> {
        let grid = self.grid(from, zone);
        let (first, last) = self.indexes(from, to, zone);
        let starts = (first..=last + 1).map(|index| grid.start(index, zone));
        let mut boundaries: Vec<Timestamp> = starts.collect();
        boundaries.dedup();
        boundaries
    }

    fn indexes(self, from: Timestamp, to: Timestamp, zone: Tz) -> (i64, i64) {
        let grid = self.grid(from, zone);
        let last = Timestamp::saturating_from_micros((to.as_micros() - 1).max(from.as_micros()));
        (grid.index(from, zone), grid.index(last, zone))
    }

    fn grid(self, from: Timestamp, zone: Tz) -> Grid {
        let number = i64::from(self.0);
        let seconds = match self.1 {
            Second => number,
            Minute => number * 60,
            Hour => number * 60 * 60,
            Day => return Grid::Days { step: number, shift: 0 },
            Week => return Grid::Days { step: number * 7, shift: DAYS_SINCE_MONDAY },
            Month => return Grid::Months { step: number },
            Year => return Grid::Months { step: number * 12 },
        };
        // When the clocks go back, an hour occurs twice. It must not become a bucket of two hours, so
        // intervals of up to an hour ignore offset changes, as do those that do not divide a day.
        if seconds > 60 * 60 && SECONDS_PER_DAY % seconds == 0 {
            return Grid::SecondsOfDay { step: seconds };
        }
        let offset = local(from, zone).offset().fix().local_minus_utc();
        Grid::Seconds { step: seconds, offset: i64::from(offset) }
    }
}

impl Grid {
    /// The number of the bucket that contains a time.
    fn index(self, time: Timestamp, zone: Tz) -> i64 {
        let local = local(time, zone).naive_local();
        let days = local.date().signed_duration_since(NaiveDate::default()).num_days();
        match self {
            Self::Seconds { step, offset } => {
                (time.as_micros().div_euclid(1_000_000) + offset).div_euclid(step)
            }
            Self::SecondsOfDay { step } => {
                let seconds = i64::from(local.time().num_seconds_from_midnight());
                days * (SECONDS_PER_DAY / step) + seconds / step
            }
            Self::Days { step, shift } => (days + shift).div_euclid(step),
            Self::Months { step } => {
                (i64::from(local.year()) * 12 + i64::from(local.month0())).div_euclid(step)
            }
        }
    }

    /// The start of a bucket. It is the last possible time if the bucket starts later.
    fn start(self, index: i64, zone: Tz) -> Timestamp {
        let seconds = match self {
            Self::Seconds { step, offset } => Some(index * step - offset),
            Self::SecondsOfDay { step } => {
                let per_day = SECONDS_PER_DAY / step;
                let seconds = TimeDelta::seconds(index.rem_euclid(per_day) * step);
                day(index.div_euclid(per_day))
                    .and_then(|midnight| midnight.checked_add_signed(seconds))
                    .map(|local| utc_seconds(local, zone))
            }
            Self::Days { step, shift } => {
                day(index * step - shift).map(|midnight| utc_seconds(midnight, zone))
            }
            Self::Months { step } => {
                month(index * step).map(|midnight| utc_seconds(midnight, zone))
            }
        };
        seconds.map_or(Timestamp::MAX, |seconds| {
            Timestamp::saturating_from_micros(seconds.saturating_mul(1_000_000))
        })
    }
}

fn local(time: Timestamp, zone: Tz) -> DateTime<Tz> {
    let utc = DateTime::from_timestamp_micros(time.as_micros()).unwrap_or_default();
    utc.with_timezone(&zone)
}

/// Midnight, this number of days after 1970-01-01.
fn day(days: i64) -> Option<NaiveDateTime> {
    let date = NaiveDate::default().checked_add_signed(TimeDelta::try_days(days)?)?;
    date.and_hms_opt(0, 0, 0)
}

/// Midnight on the first day of a month, counted from the year 0.
fn month(months: i64) -> Option<NaiveDateTime> {
    let year = i32::try_from(months.div_euclid(12)).ok()?;
    let month = u32::try_from(months.rem_euclid(12)).ok()? + 1;
    NaiveDate::from_ymd_opt(year, month, 1)?.and_hms_opt(0, 0, 0)
}

/// The first instant at or after a local time, to the minute, in seconds since 1970.
fn utc_seconds(local: NaiveDateTime, zone: Tz) -> i64 {
    // Clocks that are set forward skip at most a day.
    let times = (0..=24 * 60).map(|minutes| local + TimeDelta::minutes(minutes));
    let mut instants = times.filter_map(|local| zone.from_local_datetime(&local).earliest());
    instants.next().map_or_else(|| local.and_utc().timestamp(), |instant| instant.timestamp())
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.1 {
            Second => "s",
            Minute => "m",
            Hour => "h",
            Day => "d",
            Week => "w",
            Month => "mo",
            Year => "y",
        };
        write!(f, "{}{unit}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn boundaries(interval: &str, from: &str, to: &str, zone: Tz) -> Vec<String> {
        let interval = Interval::parse(interval).unwrap();
        let boundaries = interval.boundaries(at(from), at(to), zone);
        boundaries.iter().map(|time| time.to_string().replace(":00.000000Z", "Z")).collect()
    }

    #[test]
    fn buckets_start_at_round_local_times() {
        let berlin = Tz::Europe__Berlin;
        for (interval, from, to, zone, expected) in [
            (
                "10m",
                "2024-06-14T12:03:00Z",
                "2024-06-14T12:20:00Z",
                Tz::UTC,
                vec!["2024-06-14T12:00Z", "2024-06-14T12:10Z", "2024-06-14T12:20Z"],
            ),
            (
                "1h",
                "2024-06-14T12:03:00Z",
                "2024-06-14T12:04:00Z",
                Tz::Asia__Kolkata,
                vec!["2024-06-14T11:30Z", "2024-06-14T12:30Z"],
            ),
            (
                "1d",
                "2024-06-14T12:00:00Z",
                "2024-06-15T12:00:00Z",
                berlin,
                vec!["2024-06-13T22:00Z", "2024-06-14T22:00Z", "2024-06-15T22:00Z"],
            ),
            (
                "1w",
                "2024-06-14T12:00:00Z",
                "2024-06-14T12:00:01Z",
                Tz::UTC,
                vec!["2024-06-10T00:00Z", "2024-06-17T00:00Z"],
            ),
            (
                "1mo",
                "2024-02-14T12:00:00Z",
                "2024-03-01T00:00:00Z",
                Tz::UTC,
                vec!["2024-02-01T00:00Z", "2024-03-01T00:00Z"],
            ),
            (
                "1y",
                "2024-02-14T12:00:00Z",
                "2025-03-01T00:00:00Z",
                Tz::UTC,
                vec!["2024-01-01T00:00Z", "2025-01-01T00:00Z", "2026-01-01T00:00Z"],
            ),
            // The clocks go forward from 02:00 to 03:00, and back from 03:00 to 02:00.
            (
                "1d",
                "2024-03-31T00:00:00Z",
                "2024-03-31T23:00:00Z",
                berlin,
                vec!["2024-03-30T23:00Z", "2024-03-31T22:00Z", "2024-04-01T22:00Z"],
            ),
            (
                "12h",
                "2024-10-27T00:00:00Z",
                "2024-10-27T22:00:00Z",
                berlin,
                vec!["2024-10-26T22:00Z", "2024-10-27T11:00Z", "2024-10-27T23:00Z"],
            ),
            (
                "1h",
                "2024-10-27T00:00:00Z",
                "2024-10-27T02:00:00Z",
                berlin,
                vec!["2024-10-27T00:00Z", "2024-10-27T01:00Z", "2024-10-27T02:00Z"],
            ),
            // Midnight does not exist on this day.
            (
                "1d",
                "2024-04-26T12:00:00Z",
                "2024-04-26T13:00:00Z",
                Tz::Africa__Cairo,
                vec!["2024-04-25T22:00Z", "2024-04-26T21:00Z"],
            ),
        ] {
            assert_eq!(boundaries(interval, from, to, zone), expected, "{interval} from {from}");
        }
    }

    #[test]
    fn an_automatic_interval_has_at_most_sixty_buckets() {
        for (from, to, expected) in [
            ("2024-06-14T12:00:00Z", "2024-06-14T12:00:00Z", "1s"),
            ("2024-06-14T12:00:00Z", "2024-06-14T13:00:00Z", "1m"),
            ("2024-06-14T12:00:30Z", "2024-06-14T13:00:30Z", "2m"),
            ("2024-06-14T12:00:00Z", "2024-06-15T12:00:00Z", "30m"),
            ("2024-06-14T12:00:00Z", "2024-07-14T12:00:00Z", "12h"),
            ("1970-01-01T00:00:00Z", "2024-06-14T12:00:00Z", "1y"),
            ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "200y"),
        ] {
            let interval = Interval::automatic(at(from), at(to), Tz::UTC);
            assert_eq!(interval.to_string(), expected, "{from} to {to}");
        }
    }

    #[test]
    fn buckets_cover_the_whole_range_in_many_time_zones() {
        for zone in chrono_tz::TZ_VARIANTS.into_iter().step_by(7) {
            for (from, to) in [
                ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"),
                ("2024-03-01T00:00:00.000001Z", "2024-11-30T12:34:56Z"),
                ("9999-12-30T00:00:00Z", "9999-12-31T23:59:59Z"),
            ] {
                for text in ["7m", "1h", "6h", "1d", "2w", "3mo", "1y"] {
                    let interval = Interval::parse(text).unwrap();
                    if interval.count(at(from), at(to), zone) > MAX_BUCKETS {
                        continue;
                    }
                    let boundaries = interval.boundaries(at(from), at(to), zone);
                    assert!(boundaries.is_sorted_by(|one, next| one < next), "{zone} {text}");
                    let (first, last) = (boundaries[0], boundaries[boundaries.len() - 1]);
                    assert!(first <= at(from) && at(to) <= last, "{zone} {text} {from}");
                }
            }
        }
    }

    #[test]
    fn invalid_intervals_are_rejected() {
        for text in ["", "s", "0s", "10000s", "1", "1 s", "-1s", "1ms", "1.5h", "99999999999d"] {
            assert!(Interval::parse(text).is_err(), "{text}");
        }
        assert_eq!(Interval::parse("15m").unwrap().to_string(), "15m");
    }
}
