//! The severity of a record: a number from 1 to 24, a string, or both.

use shared::log_entry::Level;

use crate::members::Members;
use crate::record::LogRecord;

/// Each level has four severity numbers, for example `INFO` to `INFO4`.
const NUMBERS_PER_LEVEL: i64 = 4;

/// The level of a record. The number takes precedence, because the text may be any level name of
/// the client's logger.
pub(crate) fn level(record: &LogRecord<'_>) -> Option<Level> {
    let index =
        usize::try_from(record.severity_number.saturating_sub(1).div_euclid(NUMBERS_PER_LEVEL))
            .ok();
    let by_number = index.and_then(|index| Level::standard().nth(index));
    by_number.or_else(|| {
        let name = name(&record.severity_text);
        (!name.is_empty()).then(|| Level::parse(name))
    })
}

/// Adds the text and the number, unless the level represents them exactly.
pub(crate) fn add_details(
    record: &LogRecord<'_>,
    level: Option<&Level>,
    members: &mut Members<'_>,
) {
    let text = record.severity_text.as_ref();
    if !level.is_some_and(|level| level.as_str().eq_ignore_ascii_case(text)) {
        members.add_text("severity_text", text);
    }
    let first_number = level.and_then(Level::severity).and_then(|index| i64::try_from(index).ok());
    let first_number = first_number.map(|index| index * NUMBERS_PER_LEVEL + 1);
    if first_number != Some(record.severity_number) {
        members.add_number("severity_number", record.severity_number.into());
    }
}

/// The level name in a severity text. Go's `slog` appends an offset to it, as in `ERROR+4`.
fn name(text: &str) -> &str {
    let text = text.trim();
    let base = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_offset = base.len() < text.len();
    match base.strip_suffix(['+', '-']) {
        Some(name) if is_offset && !name.is_empty() => name,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_comes_from_the_number_or_else_from_the_text() {
        for (number, text, expected, kept) in [
            (1, "", Some("TRACE"), "{}"),
            (5, "debug", Some("DEBUG"), "{}"),
            (12, "INFO", Some("INFO"), r#"{"severity_number":12}"#),
            (13, "WARN", Some("WARN"), "{}"),
            (17, "Failure", Some("ERROR"), r#"{"severity_text":"Failure"}"#),
            (21, "ERROR+4", Some("FATAL"), r#"{"severity_text":"ERROR+4"}"#),
            (24, "", Some("FATAL"), r#"{"severity_number":24}"#),
            (25, "", None, r#"{"severity_number":25}"#),
            (-1, "", None, r#"{"severity_number":-1}"#),
            (i64::MIN + 1, "", None, r#"{"severity_number":-9223372036854775807}"#),
            (0, "error", Some("ERROR"), "{}"),
            (0, "ERROR+4", Some("ERROR"), r#"{"severity_text":"ERROR+4"}"#),
            (0, "DEBUG-1", Some("DEBUG"), r#"{"severity_text":"DEBUG-1"}"#),
            (0, "audit", Some("AUDIT"), "{}"),
            (0, "notice", Some("INFO"), r#"{"severity_text":"notice"}"#),
            (0, " ", None, r#"{"severity_text":" "}"#),
            (0, "", None, "{}"),
        ] {
            let severity_text = text.into();
            let record =
                LogRecord { severity_number: number, severity_text, ..LogRecord::default() };
            let level = level(&record);
            let mut members = Members::new(Vec::new());
            add_details(&record, level.as_ref(), &mut members);
            assert_eq!(level.as_ref().map(Level::as_str), expected, "{number} {text}");
            assert_eq!(String::from_utf8(members.finish()).unwrap(), kept, "{number} {text}");
        }
    }
}
