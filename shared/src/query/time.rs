//! Times as people write them in queries.

use crate::log_entry::Timestamp;

/// A time in a query: RFC 3339 (`2024-06-14T12:00:00Z`), a day in UTC (`2024-06-14`), or relative
/// to now (`now`, `now-1h`, `-15m`; units `s`, `m`, `h`, `d` and `w`). A relative time before 1970
/// is clamped to the start of 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeExpression {
    /// The first microsecond at or after the time.
    pub start: Timestamp,
    /// The first microsecond after the time, or after the day.
    pub end: Timestamp,
}

/// A regular expression that matches times. It also matches some days that do not exist.
pub const TIME_PATTERN: &str = concat!(
    r"^(now([+-][0-9]+[smhdw])?|-[0-9]+[smhdw]",
    r"|(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    r"([Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?",
    r"([Zz]|[+ -]([01][0-9]|2[0-3]):[0-5][0-9]))?)$"
);

const EXPECTED: &str = "must be an RFC 3339 timestamp such as 2024-06-14T12:00:00Z, a day such as \
                        2024-06-14, or a relative time such as -15m or now-1h";

impl TimeExpression {
    /// Parses a time.
    ///
    /// # Errors
    /// When the text is not a time, or the time is outside the years 1970 to 9999.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, &'static str> {
        if let Some(offset) = relative_micros(text)? {
            let time = Timestamp::saturating_from_micros(now.as_micros().saturating_add(offset));
            return Self::from_micros(time.as_micros(), 1);
        }
        if is_day(text) {
            let midnight = Timestamp::parse(&format!("{text}T00:00:00Z")).map_err(explain)?;
            return Self::from_micros(midnight.as_micros(), Timestamp::MICROS_PER_DAY);
        }
        // An unescaped + in a URL, as in a time zone, arrives as a space.
        let text = match text.rsplit_once(' ') {
            Some((time, zone)) if time.len() > "2024-06-14".len() => format!("{time}+{zone}"),
            _ => text.to_owned(),
        };
        let time = Timestamp::parse(&text).map_err(explain)?;
        let truncated = i64::from(has_nanoseconds(&text));
        Ok(Self {
            start: Timestamp::saturating_from_micros(time.as_micros() + truncated),
            end: Timestamp::saturating_from_micros(time.as_micros() + 1),
        })
    }

    fn from_micros(micros: i64, duration: i64) -> Result<Self, &'static str> {
        let start = Timestamp::from_micros(micros).ok_or(Timestamp::OUT_OF_RANGE)?;
        Ok(Self { start, end: Timestamp::saturating_from_micros(micros + duration) })
    }
}

/// Replaces the error for a timestamp with one that lists all accepted forms, unless the time is out of
/// range.
fn explain(error: &'static str) -> &'static str {
    if error == Timestamp::OUT_OF_RANGE { error } else { EXPECTED }
}

/// The offset of `now`, `now-1h` or `-15m` in microseconds; `None` if the text is not a relative
/// time.
fn relative_micros(text: &str) -> Result<Option<i64>, &'static str> {
    let (is_now, offset) = match text.strip_prefix("now") {
        Some(offset) => (true, offset),
        None => (false, text),
    };
    if offset.is_empty() && is_now {
        return Ok(Some(0));
    }
    let (sign, amount) = match (offset.strip_prefix('-'), offset.strip_prefix('+')) {
        (Some(amount), _) => (-1, amount),
        (_, Some(amount)) if is_now => (1, amount),
        _ if is_now => return Err(EXPECTED),
        _ => return Ok(None),
    };
    let Some((unit_start, unit)) = amount.char_indices().next_back() else { return Err(EXPECTED) };
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return Err(EXPECTED),
    };
    let digits = &amount[..unit_start];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EXPECTED);
    }
    let count = digits.parse::<i64>().unwrap_or(i64::MAX);
    Ok(Some(sign * count.saturating_mul(seconds * 1_000_000)))
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Whether a timestamp has nonzero digits after the microseconds.
fn has_nanoseconds(text: &str) -> bool {
    let Some((_, fraction)) = text.split_once('.') else { return false };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    digits.skip(6).any(|digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, String), &'static str> {
        let now = Timestamp::parse("2024-06-14T12:00:00Z").unwrap();
        TimeExpression::parse(text, now).map(|time| (time.start.to_string(), time.end.to_string()))
    }

    #[test]
    fn timestamps_days_and_relative_times_are_parsed() {
        for (text, start, end) in [
            ("2024-06-14T12:00:00Z", "2024-06-14T12:00:00.000000Z", "2024-06-14T12:00:00.000001Z"),
            (
                "2024-06-14t14:00:00 02:00",
                "2024-06-14T12:00:00.000000Z",
                "2024-06-14T12:00:00.000001Z",
            ),
            (
                "2024-06-14T12:00:00.0000014Z",
                "2024-06-14T12:00:00.000002Z",
                "2024-06-14T12:00:00.000002Z",
            ),
            (
                "2024-06-14T12:00:00.0000010Z",
                "2024-06-14T12:00:00.000001Z",
                "2024-06-14T12:00:00.000002Z",
            ),
            ("2024-06-14", "2024-06-14T00:00:00.000000Z", "2024-06-15T00:00:00.000000Z"),
            ("-15m", "2024-06-14T11:45:00.000000Z", "2024-06-14T11:45:00.000001Z"),
            ("now-1h", "2024-06-14T11:00:00.000000Z", "2024-06-14T11:00:00.000001Z"),
            ("now", "2024-06-14T12:00:00.000000Z", "2024-06-14T12:00:00.000001Z"),
            ("now+2w", "2024-06-28T12:00:00.000000Z", "2024-06-28T12:00:00.000001Z"),
        ] {
            assert_eq!(parse(text), Ok((start.to_owned(), end.to_owned())), "{text}");
        }
    }

    #[test]
    fn invalid_times_are_rejected() {
        for text in
            ["", "-", "-15", "-m", "15m", "now1h", "yesterday", "2024-06", "2024-13-01", "-1y"]
        {
            assert_eq!(parse(text), Err(EXPECTED), "{text}");
        }
        for text in ["1969-12-31", "0001-01-01", "1969-12-31T00:00:00Z"] {
            assert_eq!(parse(text), Err(Timestamp::OUT_OF_RANGE), "{text}");
        }
        for text in ["-99999999999999999999s", "-9999w"] {
            assert_eq!(parse(text).unwrap().0, "1970-01-01T00:00:00.000000Z", "{text}");
        }
    }
}
