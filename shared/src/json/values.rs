//! Splits a body into the JSON texts of its entries.

use super::{damaged, length, without_byte_order_mark};

/// The number of bytes that may be read without finding the end of an invalid text, as a multiple
/// of the body's size. Bodies crafted to exceed it are split only at line breaks and `},{`.
const MAX_PASSES: usize = 4;

/// A JSON array has no closing bracket, so the body is probably truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the JSON array has no closing bracket; is it incomplete?")]
pub struct IncompleteArray;

/// The JSON texts of a body, which may be an array, newline-delimited or concatenated. An invalid
/// one has no effect on the others, unless their boundary cannot be found. Texts are not parsed
/// here: strings may contain invalid UTF-8.
#[must_use]
pub fn values(body: &[u8]) -> Values<'_> {
    let rest = without_byte_order_mark(body);
    Values { rest, position: Position::Start, budget: MAX_PASSES.saturating_mul(rest.len()) }
}

/// The iterator of [`values`].
#[derive(Debug, Clone)]
pub struct Values<'a> {
    rest: &'a [u8],
    position: Position,
    /// The number of bytes that may still be read without success.
    budget: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// Where an array may begin.
    Start,
    Array,
    /// Outside any array.
    Top,
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<&'a [u8], IncompleteArray>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.rest = self.rest.trim_ascii_start();
            match self.position {
                Position::Start => self.start(),
                Position::Array => {
                    if let Some(element) = self.next_element() {
                        return Some(element);
                    }
                }
                Position::Top => return self.next_top().map(Ok),
            }
        }
    }
}

impl<'a> Values<'a> {
    fn start(&mut self) {
        let array = self.rest.strip_prefix(b"[");
        self.position = if array.is_some() { Position::Array } else { Position::Top };
        self.rest = array.unwrap_or(self.rest);
    }

    /// The next element; `None` at the end of the array.
    fn next_element(&mut self) -> Option<Result<&'a [u8], IncompleteArray>> {
        let Some(length) = self.element_length() else {
            (self.rest, self.position) = (&[], Position::Top);
            return Some(Err(IncompleteArray));
        };
        let element = self.take(length);
        self.rest = self.rest.trim_ascii_start();
        if let Some(rest) = self.rest.strip_prefix(b"]") {
            (self.rest, self.position) = (rest, Position::Start);
            // Nothing precedes the bracket in an empty array, or after a superfluous comma.
            return (!element.is_empty()).then_some(Ok(element));
        }
        self.rest = self.rest.strip_prefix(b",").unwrap_or(self.rest);
        Some(Ok(element))
    }

    /// The length of the next element of an array; `None` if the array is incomplete.
    fn element_length(&mut self) -> Option<usize> {
        if self.rest.starts_with(b",") || self.rest.starts_with(b"]") {
            return Some(0);
        }
        match self.valid_length() {
            Length::Valid(length) => match self.rest[length..].trim_ascii_start().first()? {
                // A comma is missing before a brace.
                b',' | b']' | b'{' => return Some(length),
                _ => self.budget = self.budget.saturating_sub(length),
            },
            Length::Incomplete => return None,
            Length::Invalid => {}
        }
        let end = self.damaged_length(b',');
        end.or_else(|| damaged::next_comma(self.rest)).or_else(|| self.last_length())
    }

    /// The length of an array's last element if its quotes or brackets do not match.
    fn last_length(&self) -> Option<usize> {
        let array = self.rest.trim_ascii_end();
        array.ends_with(b"]").then(|| array.len() - 1)
    }

    fn next_top(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let length = self.top_length();
        Some(self.take(length))
    }

    /// The length of the next text outside any array.
    fn top_length(&mut self) -> usize {
        if let Length::Valid(length) = self.valid_length() {
            let after =
                self.rest[length..].iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
            if matches!(after, None | Some(b'\n' | b'{' | b'[')) {
                return length;
            }
            self.budget = self.budget.saturating_sub(length);
        }
        let end = self.damaged_length(b'\n');
        end.or_else(|| memchr::memchr(b'\n', self.rest)).unwrap_or(self.rest.len())
    }

    fn valid_length(&mut self) -> Length {
        if self.budget == 0 {
            return Length::Invalid;
        }
        match length(self.rest) {
            Ok(length) => Length::Valid(length),
            Err(error) => {
                self.budget = self.budget.saturating_sub(position(self.rest, &error));
                if error.is_eof() { Length::Incomplete } else { Length::Invalid }
            }
        }
    }

    /// The length of an invalid text; `None` if its quotes or brackets do not match.
    fn damaged_length(&mut self, separator: u8) -> Option<usize> {
        if self.budget == 0 {
            return None;
        }
        let end = damaged::end(self.rest, separator);
        end.inspect_err(|read| self.budget = self.budget.saturating_sub(*read)).ok()
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        text.trim_ascii()
    }
}

/// The length of a JSON text.
enum Length {
    Valid(usize),
    Invalid,
    /// The text extends to the end of the body and is still incomplete.
    Incomplete,
}

/// The number of bytes before an error.
fn position(text: &[u8], error: &serde_json::Error) -> usize {
    let mut lines = memchr::memchr_iter(b'\n', text);
    let line_start = error.line().checked_sub(2).and_then(|line| lines.nth(line)).unwrap_or(0);
    line_start + error.column()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of a body; `…` stands for an incomplete array.
    fn split(body: &str) -> Vec<&str> {
        let texts = values(body.as_bytes());
        texts.map(|text| text.map_or("…", |text| str::from_utf8(text).unwrap())).collect()
    }

    #[test]
    fn bodies_in_any_format_are_split() {
        let expected = [r#"{"a":"],[{}\"","b":[{},{}]}"#, r#"{"c":1}"#];
        let [first, second] = expected;
        for body in [
            format!("[{first},{second}]"),
            format!(" [\n  {first} ,\r\n  {second}\n]\n"),
            format!("{first}\n{second}"),
            format!("\u{feff}{first}\r\n\r\n{second}\r\n"),
            format!("\u{feff}[{first},{second}]"),
            format!("{first}{second}"),
            format!("[{first}][{second}]"),
            format!("[{first}]\n{second}"),
            format!("[{first},{second},]"),
            format!("[{first} {second}]"),
        ] {
            assert_eq!(split(&body), expected, "{body}");
        }
        assert_eq!(
            split("{\n  \"a\": [\n    1\n  ]\n}\n{\n}\n"),
            ["{\n  \"a\": [\n    1\n  ]\n}", "{\n}"]
        );
    }

    #[test]
    fn an_empty_body_has_no_texts() {
        for body in ["", " \n", "\u{feff}", "[]", " [ ] ", "[\n]\n"] {
            assert!(split(body).is_empty(), "{body}");
        }
    }

    #[test]
    fn an_invalid_element_does_not_affect_the_others() {
        for bad in [
            "NaN",
            "",
            "17",
            r#"{"a":NaN}"#,
            r#"{"a":-Infinity,"b":[{},{}]}"#,
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"line\nline\"}",
            r#"{"a":"\x41"}"#,
            r#"{"a":"5" disk"}"#,
            r#"{"a":"say "hi", you"}"#,
            r#"{"a":1}}"#,
            r#"{"a":{"b":1}"#,
            r#"{"a":[1}"#,
            r#"{"a":"missing quote}"#,
            r"{'a':'b'}",
            r"{a:1}",
            r#"{"a":1} x"#,
            r#"{"a":1,}"#,
            "{\n\"a\": \"1\n}",
        ] {
            for separator in [",", ",\n", "\n , "] {
                let good = [r#"{"x":"1"}"#, r#"{"x":{"y":[{"z":2},{"z":3}]}}"#, r#"{"x":"3"}"#];
                let [first, second, third] = good;
                let body = [first, bad, second, bad, third].join(separator);
                let body = format!("[{body}]");
                let texts = split(&body);
                for text in good {
                    assert!(texts.contains(&text), "{bad:?} in {texts:?}");
                }
                assert!(!texts.contains(&"…"), "{bad:?}");
            }
        }
    }

    #[test]
    fn an_invalid_line_does_not_affect_the_others() {
        for bad in [
            "x",
            r#"{"a":NaN}"#,
            r#"{"a":"missing quote}"#,
            r#"{"a":{"b":1}"#,
            r#"{"a":"#,
            r#"{"a":1},"#,
            r#"{"a":1} x {"#,
            r#"{"a":[1,"#,
            "[1,2",
        ] {
            let body = format!("{{\"x\":1}}\n{bad}\n{{\"x\":\"2\"}}\n{bad}\n{{\"x\":3}}\n{bad}");
            let expected = [r#"{"x":1}"#, bad, r#"{"x":"2"}"#, bad, r#"{"x":3}"#, bad];
            assert_eq!(split(&body), expected);
        }
    }

    #[test]
    fn an_array_cut_anywhere_is_incomplete() {
        let body = r#"[{"a":"},{","b":[{"c":"]"},{"d":[]}]},{"e":1.5},{"f":"\"}]"}]"#;
        for end in 1..body.len() {
            assert_eq!(split(&body[..end]).last(), Some(&"…"), "{}", &body[..end]);
        }
        assert_eq!(split(body).len(), 3);
    }

    #[test]
    fn bodies_crafted_to_be_slow_exhaust_the_budget_and_are_split() {
        for unit in [r#"{"k":[{},"#, r#"{"k":"},{"#, "{\"k\":\n", "[", "{}}\n"] {
            for (open, end) in [("[", "x"), ("[", ""), ("[", "]"), ("", "")] {
                let body = format!("{open}{}{end}", unit.repeat(100_000));
                let mut texts = values(body.as_bytes());
                let bytes: usize = texts.by_ref().filter_map(Result::ok).map(<[u8]>::len).sum();
                assert!(bytes <= body.len(), "{unit}: a byte belongs to two texts");
                assert!(texts.rest.is_empty(), "{unit}");
            }
        }
    }

    #[test]
    fn bodies_are_split_at_lines_and_elements_once_the_budget_is_spent() {
        for (body, expected) in [
            ("{\"a\":\n{\"b\":1}\n", &[r#"{"a":"#, r#"{"b":1}"#][..]),
            (r#"[{"a":[},{"b":1},{"c":"}]"#, &[r#"{"a":[}"#, r#"{"b":1}"#, r#"{"c":"}"#]),
        ] {
            let mut texts = values(body.as_bytes());
            texts.budget = 0;
            let texts: Vec<&str> =
                texts.map(|text| str::from_utf8(text.unwrap()).unwrap()).collect();
            assert_eq!(texts, expected);
        }
    }
}
