//! Logfmt: `level=info msg="card accepted" order=4711`.
//! There is no specification, so only lines that are unlikely to be anything else are read as
//! logfmt.

use std::borrow::Cow;

use super::{Field, quoted};

/// The maximum length of a value that is kept as a number. JavaScript represents longer numbers
/// inexactly.
const MAX_NUMBER_CHARS: usize = 15;

/// The fields of a line that consists only of `key=value` pairs.
///
/// Fluent Bit does not escape quotes in a value, so the closing quote is the first quote that is
/// followed by the next key or by the end of the line.
pub(super) fn fields(line: &str) -> Option<Vec<Field<'_>>> {
    let mut rest = line.trim_ascii();
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (key, value) = rest.split_at(key_length(rest)?);
        let value = value.strip_prefix('=')?;
        let field;
        (field, rest) = match value.strip_prefix('"') {
            Some(quoted) => {
                let (value, rest) = quoted_value(quoted)?;
                (Field::text(key, value), rest)
            }
            None => bare_value(key, value)?,
        };
        fields.push(field);
        rest = rest.trim_ascii_start();
    }
    Some(fields)
}

/// The length of the key that `text` begins with, if it is followed by `=`.
fn key_length(text: &str) -> Option<usize> {
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-/@".contains(byte);
    let length = text.bytes().take_while(|byte| is_key(byte)).count();
    let starts_a_key = |byte: &u8| byte.is_ascii_alphabetic() || b"_@".contains(byte);
    let is_valid = text.as_bytes().first().is_some_and(starts_a_key);
    (is_valid && text.as_bytes().get(length) == Some(&b'=')).then_some(length)
}

/// Reads a value after its opening quote. Returns it and the text after the closing quote.
fn quoted_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut end = 0;
    loop {
        end += quoted::closing(&text[end..], '"')?;
        let rest = &text[end + 1..];
        let next = rest.trim_ascii_start();
        if next.is_empty() || (next.len() < rest.len() && key_length(next).is_some()) {
            let value = &text[..end];
            return Some((quoted::unescape(value).unwrap_or(Cow::Borrowed(value)), rest));
        }
        end += 1;
    }
}

/// Reads a value without quotes. Returns its field and the rest.
fn bare_value<'a>(key: &'a str, text: &'a str) -> Option<(Field<'a>, &'a str)> {
    let end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
    let (value, rest) = text.split_at(end);
    if value.contains('"') {
        return None;
    }
    let is_json = matches!(value, "true" | "false") || is_number(value);
    let field = if is_json { Field::json(key, value) } else { Field::text(key, value) };
    Some((field, rest))
}

/// Whether the text is a JSON number without an exponent.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    text.len() <= MAX_NUMBER_CHARS && are_digits(whole) && are_digits(fraction) && !has_leading_zero
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(key: &'a str, value: &'a str) -> Field<'a> {
        Field::text(key, value)
    }

    #[test]
    fn every_token_is_a_key_and_a_value() {
        let line =
            "ts=2026-11-25T17:00:00Z level=info  msg=\"card \\\"42\\\"\\naccepted\" err= n=-4.50\n";
        let expected = [
            text("ts", "2026-11-25T17:00:00Z"),
            text("level", "info"),
            text("msg", "card \"42\"\naccepted"),
            text("err", ""),
            Field::json("n", "-4.50"),
        ];
        assert_eq!(fields(line).unwrap(), expected);
    }

    #[test]
    fn only_json_numbers_and_booleans_are_kept_as_json() {
        let line =
            "a=0 b=01 c=1. d=.5 e=1e5 f=true g=null h=12345678901234567890 i=- j=10.0.0.1 k=0.5";
        let fields = fields(line).unwrap();
        let json = fields.iter().filter(|field| field.as_json().is_some());
        let names: Vec<&str> = json.map(|field| &*field.name).collect();
        assert_eq!(names, ["a", "f", "k"]);
    }

    #[test]
    fn quotes_that_fluent_bit_does_not_escape_belong_to_the_value() {
        let line = r#"msg="a" customer="map[id:7 tags:"["a" "b"]"]" log="slow "query" {"a":1}""#;
        let expected = [
            text("msg", "a"),
            text("customer", r#"map[id:7 tags:"["a" "b"]"]"#),
            text("log", r#"slow "query" {"a":1}"#),
        ];
        assert_eq!(fields(line).unwrap(), expected);
        let line = "log=\"Request failed:\n\tat shop.Cart\n\"";
        assert_eq!(fields(line).unwrap(), [text("log", "Request failed:\n\tat shop.Cart\n")]);
    }

    #[test]
    fn a_value_with_an_invalid_escape_is_left_unchanged() {
        assert_eq!(fields(r#"path="C:\queue""#).unwrap(), [text("path", r"C:\queue")]);
    }

    #[test]
    fn other_lines_are_not_logfmt() {
        for line in [
            "plain text",
            "level=info and then words",
            "level = info",
            "=info",
            "1=2",
            "msg=\"unclosed",
            "msg=\"a\"b",
            "msg=a\"b",
            "größe=1",
            "{\"a\":1}",
            "2026-11-25 level=info",
        ] {
            assert_eq!(fields(line), None, "{line}");
        }
    }
}
