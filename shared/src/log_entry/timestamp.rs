//! Points in time with microsecond precision, the precision that the stores support.
//! They are parsed from RFC 3339 and formatted in UTC with six fractional digits.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::iso8601;

/// A point in time in the years 1970 to 9999, in microseconds since 1970-01-01T00:00:00Z,
/// which is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest timestamp: 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// A regular expression for the start of an RFC 3339 timestamp in a supported year.
    pub const YEAR_PATTERN: &str = "^(19[7-9][0-9]|[2-9][0-9]{3})-";

    /// The length of a day in microseconds.
    pub const MICROS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000;

    /// The error for a time in another year.
    pub(crate) const OUT_OF_RANGE: &str = "must be in the years 1970 to 9999";

    /// The current time. Call this only where a request or a record enters the system.
    #[must_use]
    pub fn now() -> Self {
        Self(Utc::now().timestamp_micros())
    }

    /// Creates a timestamp from microseconds since 1970; `None` outside the years 1970 to 9999.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        (0..=Self::MAX.0).contains(&micros).then_some(Self(micros))
    }

    /// The timestamp nearest to `micros` microseconds since 1970.
    #[must_use]
    pub fn saturating_from_micros(micros: i64) -> Self {
        Self(micros.clamp(0, Self::MAX.0))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Parses an RFC 3339 timestamp. Digits beyond the microseconds are truncated.
    ///
    /// # Errors
    /// When the text is not an RFC 3339 timestamp, or the time is outside the years 1970 to 9999 in
    /// UTC. The error does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let time = DateTime::parse_from_rfc3339(text)
            .map_err(|_| "must be an RFC 3339 timestamp such as 2024-06-14T12:00:00.123456Z")?;
        Self::from_micros(time.timestamp_micros()).ok_or(Self::OUT_OF_RANGE)
    }

    /// Parses an RFC 3339 timestamp, or ISO 8601 as loggers write it: a comma before the fraction,
    /// an offset without a colon, a space instead of `T`. A time without an offset is in UTC.
    ///
    /// # Errors
    /// The same as [`Timestamp::parse`].
    pub fn parse_lenient(text: &str) -> Result<Self, &'static str> {
        let strict = Self::parse(text);
        match strict.is_err().then(|| iso8601::micros(text)).flatten() {
            Some(micros) => Self::from_micros(micros).ok_or(Self::OUT_OF_RANGE),
            None => strict,
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::from_timestamp_micros(self.0).unwrap_or_default();
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_formatted_in_utc_with_six_digits() {
        for (text, utc) in [
            ("2024-06-14T12:00:00+02:00", "2024-06-14T10:00:00.000000Z"),
            ("2024-06-14t12:00:00.1234567z", "2024-06-14T12:00:00.123456Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), utc);
        }
    }

    #[test]
    fn iso_8601_timestamps_are_parsed() {
        for (text, utc) in [
            ("2024-06-14T12:00:00+0200", "2024-06-14T10:00:00.000000Z"),
            ("2024-06-14T12:00:00,123Z", "2024-06-14T12:00:00.123000Z"),
            ("2024-06-14T12:00:00.977+0100", "2024-06-14T11:00:00.977000Z"),
            ("2024-06-14 12:00:00,123", "2024-06-14T12:00:00.123000Z"),
            ("2024-06-14T12:00:00", "2024-06-14T12:00:00.000000Z"),
            ("2024-06-14 12:00:00.1234567 -03", "2024-06-14T15:00:00.123456Z"),
            ("2024-06-14T12:00Z", "2024-06-14T12:00:00.000000Z"),
            ("20240614T120000.5Z", "2024-06-14T12:00:00.500000Z"),
            ("2024-06-14 12:00:00 UTC", "2024-06-14T12:00:00.000000Z"),
            ("2024-06-14 12:00:00.5 +0200 CEST", "2024-06-14T10:00:00.500000Z"),
            ("2024-06-14T12:00:00+02:00[Europe/Berlin]", "2024-06-14T10:00:00.000000Z"),
            ("2024/06/14 12:00:00", "2024-06-14T12:00:00.000000Z"),
            (" 2016-12-31T23:59:60,5 ", "2017-01-01T00:00:00.500000Z"),
            ("2024-06-14T12:00:00Z", "2024-06-14T12:00:00.000000Z"),
        ] {
            assert_eq!(Timestamp::parse_lenient(text).unwrap().to_string(), utc, "{text}");
        }
    }

    #[test]
    fn other_times_are_rejected() {
        for text in [
            "",
            "now",
            "2024-06-14",
            "2024-06-14T12",
            "2024-13-14T12:00:00",
            "2024-06-14T25:00:00",
            "2024-06-14T12:00:00,Z",
            "2024-06-14T12:00:00+02000",
            "2024-06-14T12:00:00+0260",
            "2024-06-14T12:00:00 CEST",
            "2024-06-14T12:00:00+02:00[",
            "14/06/2024 12:00:00",
            "1718366400",
            "２０２４-06-14T12:00:00",
        ] {
            assert!(Timestamp::parse_lenient(text).is_err(), "{text}");
        }
        let early = Timestamp::parse_lenient("1970-01-01 00:00:00+0100");
        assert_eq!(early, Err(Timestamp::OUT_OF_RANGE));
    }

    #[test]
    fn times_outside_the_years_1970_to_9999_are_rejected() {
        for text in [
            "1969-12-31T23:59:59Z",
            "99999-01-01T00:00:00Z",
            "2024-06-14",
            "2024-06-14T12:00:00",
            "",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
