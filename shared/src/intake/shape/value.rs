//! The values of fields, and their conversion into levels, service names, messages and trace ids.

use std::borrow::Cow;

use super::Record;
use crate::json::{Text, push_string};
use crate::log_entry::{Level, ServiceName, TraceId};

/// Level names that do not correspond to exactly one of LogPulse's levels, so the original is kept.
const AMBIGUOUS_LEVELS: [&str; 4] = ["notice", "alert", "emerg", "emergency"];

/// The numbers that stand for exactly one level: some of syslog's, and those of pino.
const EXACT_LEVEL_NUMBERS: [i64; 11] = [2, 3, 4, 6, 7, 10, 20, 30, 40, 50, 60];

/// The value of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// Any JSON value.
    Json(&'a str),
    /// A string that is not encoded as JSON.
    Text(&'a str),
}

/// A converted value.
pub(super) struct Converted<T> {
    pub(super) value: T,
    /// Whether the original value could be restored from the converted one.
    pub(super) is_exact: bool,
}

impl<T> Converted<T> {
    pub(super) fn exact(value: T) -> Self {
        Self { value, is_exact: true }
    }

    pub(super) fn inexact(value: T) -> Self {
        Self { value, is_exact: false }
    }
}

impl<'a> Value<'a> {
    /// The text, if the value is a string.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Json(json) if json.starts_with('"') => decode(json),
            Self::Json(_) => None,
        }
    }

    /// The text of a string, a number or a boolean.
    pub(super) fn scalar(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(json) if !json.starts_with(['"', '{', '[', 'n']) => {
                Some(Cow::Borrowed(json))
            }
            _ => self.text(),
        }
    }

    /// The JSON of an object or an array.
    pub(super) fn structure(self) -> Option<&'a str> {
        match self {
            Self::Json(json) if json.starts_with(['{', '[']) => Some(json),
            _ => None,
        }
    }

    /// The fields of an object.
    pub(super) fn object(self) -> Option<Record<'a>> {
        self.structure().and_then(|json| Record::from_json(json).ok())
    }

    /// Appends the value's JSON.
    pub(super) fn write(self, json: &mut String) {
        match self {
            Self::Json(value) => json.push_str(value),
            Self::Text(text) => push_string(text, json),
        }
    }
}

/// Converts the name or the number of a level.
pub(super) fn level(value: Value<'_>) -> Option<Converted<Level>> {
    let text = value.scalar()?;
    let text = text.trim();
    // Google Cloud calls the absence of a level `DEFAULT`, and Log4j's layout for it writes `null`.
    if matches!(text, "" | "true" | "false" | "unknown" | "DEFAULT" | "null") {
        return None;
    }
    if text.starts_with(|char: char| char.is_ascii_digit() || "+-.".contains(char)) {
        let number: i64 = text.strip_suffix(".0").unwrap_or(text).parse().ok()?;
        let value = Level::from_number(number)?;
        return Some(Converted { value, is_exact: EXACT_LEVEL_NUMBERS.contains(&number) });
    }
    let is_ambiguous = AMBIGUOUS_LEVELS.iter().any(|name| name.eq_ignore_ascii_case(text));
    let is_truncated = text.chars().count() > Level::MAX_CHARS;
    Some(Converted { value: Level::parse(text), is_exact: !is_ambiguous && !is_truncated })
}

/// Converts the name of a standard level. Loggers disagree about the meaning of numbers, so a name
/// is preferred to a number.
pub(super) fn named_level(value: Value<'_>) -> Option<Converted<Level>> {
    value.text().filter(|text| !text.trim_start().starts_with(|c: char| c.is_ascii_digit()))?;
    level(value).filter(|found| found.value.severity().is_some())
}

/// Converts a level number of Python's `logging`, such as 30 for a warning, or of Logback, whose
/// numbers are a thousand times as large. The number is kept, because loggers also send the name.
pub(super) fn level_number(value: Value<'_>) -> Option<Converted<Level>> {
    let number: i64 = value.scalar()?.trim().parse().ok()?;
    let name = match if number >= 1000 { number / 1000 } else { number } {
        1..=9 => "TRACE",
        10..=19 => "DEBUG",
        20..=29 => "INFO",
        30..=39 => "WARN",
        40..=49 => "ERROR",
        50..=59 => "FATAL",
        _ => return None,
    };
    Some(Converted::inexact(Level::parse(name)))
}

/// Converts the name of a service. Docker puts a slash before the name of a container, and syslog
/// appends the process id: `cron[7]:`.
pub(super) fn service(value: Value<'_>) -> Option<Converted<ServiceName>> {
    let text = value.text()?;
    let name = without_process(text.trim().trim_start_matches('/'));
    let value = ServiceName::truncated(name)?;
    Some(Converted { is_exact: value.as_str() == text, value })
}

/// The program in a syslog tag.
fn without_process(tag: &str) -> &str {
    let Some(tagged) = tag.strip_suffix(':') else { return tag };
    let process = tagged.strip_suffix(']').and_then(|tagged| tagged.rsplit_once('['));
    match process {
        Some((program, id)) if id.bytes().all(|byte| byte.is_ascii_digit()) => program,
        _ => tagged,
    }
}

/// The text of a message without its trailing line break, which shippers leave on the lines that
/// they read.
pub(super) fn message(value: Value<'_>) -> Option<Converted<String>> {
    let text = value.scalar()?;
    let text = without_line_break(&text);
    (!text.trim().is_empty()).then(|| Converted::exact(text.to_owned()))
}

/// The text without the line break at the end of a line that a shipper read.
#[must_use]
pub fn without_line_break(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

/// The text of a journal message that is sent as an array of bytes, or the JSON of any other object
/// or array.
pub(super) fn structured_message(value: Value<'_>) -> Option<Converted<String>> {
    let json = value.structure()?;
    if let Ok(bytes) = serde_json::from_str::<Vec<u8>>(json)
        && let Ok(text) = String::from_utf8(bytes)
        && !text.is_empty()
    {
        return Some(Converted::exact(text));
    }
    Some(Converted::inexact(json.to_owned()))
}

/// Converts the id of a trace or a span. Some loggers write zeros if there is none. Google Cloud
/// writes the path of the trace.
pub(super) fn trace_id(value: Value<'_>) -> Option<Converted<TraceId>> {
    let text = value.scalar()?;
    let is_id = text.chars().any(|char| char != '0') && !text.contains(char::is_whitespace);
    let id = text.strip_prefix("projects/").and_then(|path| path.split_once("/traces/"));
    let (id, is_exact) = id.map_or((&*text, true), |(_, id)| (id, false));
    if !is_id || id == "true" || id == "false" {
        return None;
    }
    TraceId::try_from(id.to_owned()).ok().map(|value| Converted { value, is_exact })
}

fn decode(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(json).ok().map(|Text(text)| text)
}
