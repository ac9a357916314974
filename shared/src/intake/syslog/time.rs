//! The times in RFC 3164 headers: `Oct 11 22:14:15`, with or without a year, a fraction or a zone,
//! or ISO 8601.

use std::borrow::Cow;

use crate::log_entry::Timestamp;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The length of `22:14:15`.
const CLOCK_BYTES: usize = 8;

/// The names of UTC that Cisco's devices write after the time, before a colon.
const UTC: [&str; 3] = [" UTC:", " GMT:", " Z:"];

/// Reads the time at the beginning of `text`. Returns it in ISO 8601, and the rest.
pub(super) fn read(text: &str, arrival: Timestamp) -> Option<(Cow<'_, str>, &str)> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return read_iso8601(text);
    }
    // Cisco's devices put a dot before the time if they have lost their time source.
    let text = text.strip_prefix('.').unwrap_or(text);
    let month = text.get(..3)?;
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? + 1;
    let (day, rest) = read_number(after_spaces(&text[3..])?, 1..=2)?;
    let rest = after_spaces(rest)?;
    let (year, rest) = match read_number(rest, 4..=4) {
        Some((year, rest)) => (Some(year), after_spaces(rest)?),
        None => (None, rest),
    };
    let (clock, rest) = read_clock(rest)?;
    let in_year = |year: u32| {
        let time = format!("{year:04}-{month:02}-{day:02}T{clock}Z");
        Timestamp::parse(&time).ok().map(|timestamp| (timestamp, time))
    };
    let time = match year {
        Some(year) => in_year(year)?.1,
        None => nearest(in_year, arrival)?,
    };
    let zone = UTC.iter().find(|zone| rest.starts_with(**zone));
    // The colon after the zone ends the header.
    Some((Cow::Owned(time), zone.map_or(rest, |zone| &rest[zone.len() - 1..])))
}

/// Reads a time such as `2026-11-27T00:00:00.123456+00:00`, which rsyslog writes.
fn read_iso8601(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(' ').unwrap_or(text.len());
    let (time, rest) = text.split_at(end);
    let is_time = time.contains('T') && Timestamp::parse_lenient(time).is_ok();
    is_time.then_some((Cow::Borrowed(time), rest))
}

/// The time in the year that puts it nearest to the arrival.
fn nearest(
    in_year: impl Fn(u32) -> Option<(Timestamp, String)>,
    arrival: Timestamp,
) -> Option<String> {
    let year: u32 = arrival.to_string().get(..4)?.parse().ok()?;
    let times = (year.saturating_sub(1)..=year + 1).filter_map(in_year);
    let nearest = times.min_by_key(|(time, _)| time.as_micros().abs_diff(arrival.as_micros()))?;
    Some(nearest.1)
}

/// Reads `22:14:15`, and a fraction if there is one.
fn read_clock(text: &str) -> Option<(&str, &str)> {
    let clock = text.as_bytes().get(..CLOCK_BYTES)?;
    let is_clock = clock.iter().enumerate().all(|(position, byte)| match position {
        2 | 5 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    if !is_clock {
        return None;
    }
    let fraction = text[CLOCK_BYTES..].strip_prefix('.').map_or(0, count_digits);
    let end = if fraction == 0 { CLOCK_BYTES } else { CLOCK_BYTES + 1 + fraction };
    Some(text.split_at(end))
}

fn read_number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<(u32, &str)> {
    let count = count_digits(text);
    let (number, rest) = digits.contains(&count).then(|| text.split_at(count))?;
    Some((number.parse().ok()?, rest))
}

fn count_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The text after one or more spaces.
fn after_spaces(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(' ');
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_at<'a>(text: &'a str, arrival: &str) -> Option<(String, &'a str)> {
        let (time, rest) = read(text, Timestamp::parse(arrival).unwrap())?;
        Some((Timestamp::parse_lenient(&time).unwrap().to_string(), rest))
    }

    #[test]
    fn a_time_without_a_year_is_in_the_year_nearest_to_its_arrival() {
        for (text, arrival, expected) in [
            ("Oct 11 22:14:15", "2026-11-27T00:00:00Z", "2026-10-11T22:14:15.000000Z"),
            ("Dec 31 23:59:59", "2027-01-01T00:00:01Z", "2026-12-31T23:59:59.000000Z"),
            ("Jan  1 00:00:01", "2026-12-31T23:59:59Z", "2027-01-01T00:00:01.000000Z"),
            ("Feb 29 12:00:00", "2028-03-01T00:00:00Z", "2028-02-29T12:00:00.000000Z"),
            ("Feb 29 12:00:00", "2027-03-01T00:00:00Z", "2028-02-29T12:00:00.000000Z"),
            ("Jan  1 00:00:00", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(read_at(text, arrival), Some((expected.to_owned(), "")), "{text} {arrival}");
        }
    }

    #[test]
    fn the_year_the_fraction_and_the_zone_are_optional() {
        let expected = "2026-11-07T22:14:15.123000Z".to_owned();
        for (text, rest) in [
            ("Nov  7 22:14:15.123 host", " host"),
            ("nov 07 2026 22:14:15.123: %ASA", ": %ASA"),
            (".Nov  7 22:14:15.123 UTC: %SYS", ": %SYS"),
            ("2026-11-07T23:14:15.123+01:00 host", " host"),
            ("2026-11-07T22:14:15.123Z", ""),
            ("Nov  7 22:14:15.123 UTC host", " UTC host"),
        ] {
            let read = read_at(text, "2026-11-27T00:00:00Z");
            assert_eq!(read, Some((expected.clone(), rest)), "{text}");
        }
    }

    #[test]
    fn other_text_is_not_a_time() {
        for text in [
            "",
            "Oct",
            "Okt 11 22:14:15",
            "Oct11 22:14:15",
            "Oct 32 22:14:15",
            "Feb 30 22:14:15",
            "Oct 11 2:14:15",
            "Oct 11 25:14:15",
            "Oct 11 22:14",
            "Oct 11 22:14:1ü",
            "Oct 11 99999 22:14:15",
            "Oct 11 1969 22:14:15",
            "*Mar  1 18:46:11",
            "1990 Oct 22 10:52:01",
            "2026-11-07 22:14:15",
            "ßct 11 22:14:15",
        ] {
            assert_eq!(read_at(text, "2026-11-27T00:00:00Z"), None, "{text}");
        }
    }
}
