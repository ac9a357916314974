//! Parses the ISO 8601 timestamps of `strftime`, Log4j, Python, Go and Java that RFC 3339 does not
//! allow. A comma may precede the fraction, and the offset may have no colon or be absent (UTC).

use chrono::{NaiveDate, NaiveDateTime};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Parses a date and time into microseconds since 1970; `None` if the text is invalid.
pub(super) fn micros(text: &str) -> Option<i64> {
    let mut text = Cursor(text.trim());
    let date = date(&mut text)?;
    text.take(&['T', 't', ' ']).then_some(())?;
    let time = time(&mut text, date)?;
    let offset_seconds = offset(text.0.trim_start())?;
    Some(time.and_utc().timestamp_micros() - offset_seconds * MICROS_PER_SECOND)
}

/// `2024-06-14`, `2024/06/14` or `20240614`.
fn date(text: &mut Cursor<'_>) -> Option<NaiveDate> {
    const SEPARATORS: &[char] = &['-', '/'];
    let year = text.number(4)?;
    let has_separators = text.take(SEPARATORS);
    let month = text.number(2)?;
    (text.take(SEPARATORS) == has_separators).then_some(())?;
    let day = text.number(2)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// `12:00:00,123`, `12:00` or `120000.123`.
fn time(text: &mut Cursor<'_>, date: NaiveDate) -> Option<NaiveDateTime> {
    let hour = text.number(2)?;
    let has_colons = text.take(&[':']);
    let minute = text.number(2)?;
    let has_seconds = if has_colons {
        text.take(&[':'])
    } else {
        text.0.starts_with(|c: char| c.is_ascii_digit())
    };
    if !has_seconds {
        return date.and_hms_opt(hour, minute, 0);
    }
    let second = text.number(2)?;
    let nanos = if text.take(&['.', ',']) { text.fraction()? } else { 0 };
    match second {
        // Chrono represents a leap second as the second before it, with a longer fraction.
        60 => date.and_hms_nano_opt(hour, minute, 59, 1_000_000_000 + nanos),
        _ => date.and_hms_nano_opt(hour, minute, second, nanos),
    }
}

/// The offset from UTC in seconds. A zone's name may follow it, as in `+0200 CEST` (Go) or
/// `+02:00[Europe/Berlin]` (Java).
fn offset(text: &str) -> Option<i64> {
    if ["", "Z", "UTC", "GMT"].iter().any(|utc| utc.eq_ignore_ascii_case(text)) {
        return Some(0);
    }
    let mut rest = Cursor(text);
    let seconds = if rest.take(&['Z', 'z']) {
        0
    } else if rest.take(&['+']) {
        offset_seconds(&mut rest)?
    } else if rest.take(&['-', '\u{2212}']) {
        -offset_seconds(&mut rest)?
    } else {
        return None;
    };
    is_zone_name(rest.0).then_some(seconds)
}

/// `02:00`, `0200` or `02`.
fn offset_seconds(text: &mut Cursor<'_>) -> Option<i64> {
    let hours = text.number(2)?;
    let has_colon = text.take(&[':']);
    let minutes = match text.number(2) {
        Some(minutes) => minutes,
        None if has_colon => return None,
        None => 0,
    };
    (hours < 24 && minutes < 60).then(|| i64::from(hours * 3600 + minutes * 60))
}

fn is_zone_name(text: &str) -> bool {
    match text.strip_prefix('[') {
        Some(rest) => rest.ends_with(']'),
        None => {
            text.is_empty() || text.starts_with(' ') && !text.contains(|c: char| c.is_ascii_digit())
        }
    }
}

/// The rest of the text.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    /// Consumes the next character if it is one of these, and returns whether it was.
    fn take(&mut self, characters: &[char]) -> bool {
        let rest = self.0.strip_prefix(characters);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A number of exactly this many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
        self.0 = rest;
        number.parse().ok()
    }

    /// The digits of a fraction of a second, in nanoseconds. Further digits are truncated.
    fn fraction(&mut self) -> Option<u32> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        (!digits.is_empty()).then_some(())?;
        format!("{:0<9}", &digits[..digits.len().min(9)]).parse().ok()
    }
}
