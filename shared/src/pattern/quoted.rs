//! Quoted strings: where they end, and whether their text belongs to the template.

use std::ops::Range;

/// What a quoted string is.
pub(super) enum Quoted {
    /// A key of an object. It is kept.
    Name,
    /// The text of a log entry, or a request. Only its variable parts are masked.
    Text,
    /// Any other string.
    Value,
}

/// Names of fields whose values belong to the template.
const TEXT_FIELDS: [&str; 22] = [
    "@message",
    "caller",
    "component",
    "err",
    "error",
    "event",
    "exception",
    "level",
    "log",
    "logger",
    "loglevel",
    "lvl",
    "message",
    "method",
    "module",
    "msg",
    "operation",
    "reason",
    "severity",
    "source",
    "status",
    "verb",
];

const METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"];

impl Quoted {
    /// Classifies the string whose content, without the quotes, is `content`.
    pub(super) fn of(line: &str, content: Range<usize>) -> Self {
        let text = &line[content.clone()];
        let before = line[..content.start - 1].trim_ascii_end();
        let after = line[content.end + 1..].trim_ascii_start();
        let is_key = after.starts_with(':') && !after.starts_with("::");
        if is_key && before.ends_with(['{', ',']) && is_name(text) {
            return Self::Name;
        }
        let is_request = text.split_once(' ').is_some_and(|(method, target)| {
            METHODS.contains(&method) && target.starts_with(['/', 'h', '*'])
        });
        if is_request || field(before).is_some_and(is_text_field) {
            return Self::Text;
        }
        Self::Value
    }
}

/// The name of the field whose value follows `before`: that in `name=`, `"name":` or `name: `.
fn field(before: &str) -> Option<&str> {
    let before = before.strip_suffix(['=', ':'])?.trim_ascii_end();
    let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
    let start = before.rfind(|c: char| !is_name_char(c)).map_or(0, |last| last + 1);
    before.get(start..)
}

/// Whether the values of the field belong to the template.
pub(super) fn is_text_field(name: &str) -> bool {
    TEXT_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '@' | '$'))
        && text.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '$')
}

/// Finds the quotes that close strings. If there is none for a quote, there is none for the later
/// ones of the same kind either, so that the time is linear in the line.
pub(super) struct Closers {
    end: usize,
    unclosed: [bool; 3],
}

impl Closers {
    /// For quotes before `end`.
    pub(super) fn new(end: usize) -> Self {
        Self { end, unclosed: [false; 3] }
    }

    /// The position of the quote that closes the string opened at `quote`.
    pub(super) fn find(&mut self, line: &str, quote: usize) -> Option<usize> {
        let bytes = line.as_bytes();
        let before = quote.checked_sub(1).map(|before| bytes[before]);
        let kind = match bytes[quote] {
            b'"' => 0,
            b'\'' => 1,
            _ => 2,
        };
        // Neither an apostrophe nor an escaped quote opens a string.
        let is_apostrophe = kind > 0 && before.is_some_and(is_word);
        if self.unclosed[kind] || before == Some(b'\\') || is_apostrophe {
            return None;
        }
        let mut is_escaped = false;
        for position in quote + 1..self.end {
            let continues = kind > 0 && position + 1 < self.end && is_word(bytes[position + 1]);
            if bytes[position] == bytes[quote] && !is_escaped && !continues {
                return Some(position);
            }
            is_escaped = bytes[position] == b'\\' && !is_escaped;
        }
        self.unclosed[kind] = true;
        None
    }
}

/// Whether the byte is part of a word or of a placeholder.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'<' | b'>') || !byte.is_ascii()
}
