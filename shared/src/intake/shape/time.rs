//! Parses times in the formats that loggers use: RFC 3339, ISO 8601, numbers since 1970 in any
//! unit, and some others.

use chrono::DateTime;
use serde::Deserialize;

use super::Record;
use super::value::{Converted, Value};
use crate::log_entry::Timestamp;

/// The units of numbers since 1970, by the number of digits before the point, and the number of
/// digits of a microsecond after it. Every time from March 1973 to 2286 is recognized; other
/// numbers are durations, or belong to other fields.
const UNITS: [(std::ops::RangeInclusive<usize>, u32); 3] =
    [(9..=10, 6), (12..=13, 3), (15..=16, 0)];

/// The number of digits of a time in nanoseconds.
const NANOSECOND_DIGITS: std::ops::RangeInclusive<usize> = 18..=19;

/// The formats of web servers, Ruby and `date` in chrono's syntax. The zone is required.
const OTHER_FORMATS: [&str; 2] = ["%d/%b/%Y:%H:%M:%S %z", "%a %b %e %H:%M:%S %z %Y"];

/// The names of UTC in the output of `date`. Other names of zones are ambiguous.
const UTC_NAMES: [&str; 2] = [" UTC ", " GMT "];

/// The `instant` of Log4j, or the timestamp of Google Cloud.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instant {
    #[serde(alias = "epochSecond")]
    seconds: i64,
    #[serde(alias = "nanoOfSecond", default)]
    nanos: i64,
}

/// Parses a time. It is exact if it has no digits beyond the microseconds.
pub(super) fn parse(value: Value<'_>) -> Option<Converted<Timestamp>> {
    if let Some(json) = value.structure() {
        let instant: Instant = serde_json::from_str(json).ok()?;
        let micros = instant.seconds.checked_mul(1_000_000)?;
        let micros = micros.checked_add(instant.nanos / 1000)?;
        return found(micros, instant.nanos % 1000 == 0);
    }
    let text = value.scalar()?;
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return parse_number(text);
    }
    if let Value::Json(json) = value
        && !json.starts_with('"')
    {
        // A number in scientific notation.
        return parse_number(&format!("{:.6}", text.parse::<f64>().ok()?));
    }
    match Timestamp::parse_lenient(text) {
        Ok(value) => Some(Converted { value, is_exact: !has_nanoseconds(text) }),
        Err(_) => parse_other(text),
    }
}

/// The time of a record for Google Cloud, which has the seconds and the nanoseconds in two fields.
pub(super) fn in_two_fields(record: &Record<'_>) -> Option<Timestamp> {
    let number = |name| -> Option<i64> { record.value(name)?.scalar()?.trim().parse().ok() };
    let micros = number("timestampSeconds")?.checked_mul(1_000_000)?;
    let nanos = number("timestampNanos").filter(|nanos| (0..1_000_000_000).contains(nanos))?;
    Timestamp::from_micros(micros.checked_add(nanos / 1000)?)
}

/// Parses a time in a format without fractions of a second, such as that of RFC 5322.
fn parse_other(text: &str) -> Option<Converted<Timestamp>> {
    let parse = |text: &str, format| DateTime::parse_from_str(text, format).ok();
    let time = DateTime::parse_from_rfc2822(text).ok();
    let time = time.or_else(|| OTHER_FORMATS.into_iter().find_map(|format| parse(text, format)));
    let in_utc = |name| parse(&text.replacen(name, " +0000 ", 1), OTHER_FORMATS[1]);
    let time = time.or_else(|| UTC_NAMES.into_iter().find_map(in_utc))?;
    found(time.timestamp_micros(), true)
}

fn parse_number(text: &str) -> Option<Converted<Timestamp>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    let digits = number.checked_ilog10()? as usize + 1;
    if NANOSECOND_DIGITS.contains(&digits) {
        return found(number / 1000, number % 1000 == 0 && is_zero(fraction));
    }
    let (_, scale) = UNITS.iter().find(|(lengths, _)| lengths.contains(&digits))?;
    let micros_digits = fraction.len().min(*scale as usize);
    let (micros, finer) = fraction.split_at_checked(micros_digits)?;
    let padding = 10_i64.pow(scale - u32::try_from(micros_digits).ok()?);
    let micros = if micros.is_empty() { 0 } else { micros.parse::<i64>().ok()? * padding };
    found(number * 10_i64.pow(*scale) + micros, is_zero(finer))
}

/// Whether a timestamp has non-zero digits beyond the microseconds.
fn has_nanoseconds(text: &str) -> bool {
    let fraction = text.split_once(['.', ',']).map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    digits.skip(6).any(|digit| digit != b'0')
}

fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|digit| digit == b'0')
}

fn found(micros: i64, is_exact: bool) -> Option<Converted<Timestamp>> {
    Some(Converted { value: Timestamp::from_micros(micros)?, is_exact })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(json: &str) -> Option<(String, bool)> {
        parse(Value::Json(json)).map(|found| (found.value.to_string(), found.is_exact))
    }

    #[test]
    fn numbers_since_1970_are_recognized_in_any_unit() {
        for (json, expected, is_exact) in [
            ("1795624800", "2026-11-25T16:40:00.000000Z", true),
            ("1795624800.123", "2026-11-25T16:40:00.123000Z", true),
            ("\"1795624800.123456\"", "2026-11-25T16:40:00.123456Z", true),
            ("1795624800.1234567", "2026-11-25T16:40:00.123456Z", false),
            ("1795624800123", "2026-11-25T16:40:00.123000Z", true),
            ("1795624800123.4567", "2026-11-25T16:40:00.123456Z", false),
            ("\"1795624800123456\"", "2026-11-25T16:40:00.123456Z", true),
            ("1795624800123456000", "2026-11-25T16:40:00.123456Z", true),
            ("\"1795624800123456789\"", "2026-11-25T16:40:00.123456Z", false),
            ("1.795624800e9", "2026-11-25T16:40:00.000000Z", true),
            ("123456789", "1973-11-29T21:33:09.000000Z", true),
        ] {
            assert_eq!(time(json), Some((expected.to_owned(), is_exact)), "{json}");
        }
    }

    #[test]
    fn web_server_and_email_formats_are_recognized() {
        for json in [
            "\"26/Nov/2026:11:00:00 +0100\"",
            "\"Thu, 26 Nov 2026 10:00:00 GMT\"",
            "\"Thu Nov 26 10:00:00 +0000 2026\"",
            "\"Thu Nov 26 10:00:00 UTC 2026\"",
            "{\"seconds\":1795687200,\"nanos\":0}",
        ] {
            assert_eq!(
                time(json),
                Some(("2026-11-26T10:00:00.000000Z".to_owned(), true)),
                "{json}"
            );
        }
        for json in [
            "\"Thu Nov 26 10:00:00 CET 2026\"",
            "\"26/Nov/2026:11:00:00\"",
            "\"Nov 26 10:00:00\"",
            "{\"nanos\":7}",
        ] {
            assert!(time(json).is_none(), "{json}");
        }
    }

    #[test]
    fn timestamps_are_exact_up_to_the_microsecond() {
        for (json, expected, is_exact) in [
            ("\"2026-11-25T18:00:00.003+01:00\"", "2026-11-25T17:00:00.003000Z", true),
            ("\"2026-11-25 18:00:00,003+0100\"", "2026-11-25T17:00:00.003000Z", true),
            ("\"2026-11-25T18:00:00.123456789Z\"", "2026-11-25T18:00:00.123456Z", false),
            ("\"2026-11-25T18:00:00.123456000Z\"", "2026-11-25T18:00:00.123456Z", true),
        ] {
            assert_eq!(time(json), Some((expected.to_owned(), is_exact)), "{json}");
        }
    }

    #[test]
    fn a_log4j_instant_is_a_time() {
        let json = r#"{"epochSecond":1795624800,"nanoOfSecond":123456000}"#;
        assert_eq!(time(json), Some(("2026-11-25T16:40:00.123456Z".to_owned(), true)));
    }

    #[test]
    fn other_values_are_not_times() {
        for json in [
            "0",
            "12",
            "-1795624800",
            "20261125",
            "20261125180000",
            "\"18:00:00\"",
            "\"\"",
            "true",
            "null",
            "[]",
            "{}",
            "\"noon\"",
            "1e300",
            "99999999999999999999",
            "1.2.3",
            "\".\"",
        ] {
            assert_eq!(time(json), None, "{json}");
        }
    }
}
