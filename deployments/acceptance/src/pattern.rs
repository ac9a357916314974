//! JSON in which `…` matches anything.

use serde_json::{Map, Value};

const ELLIPSIS: &str = "…";

/// Represents a bare `…` after parsing. It is a private-use character, which no pattern contains.
const BARE_ELLIPSIS: &str = "\u{e000}";

/// Parses a pattern.
pub(crate) fn parse(pattern: &str) -> serde_json::Result<Value> {
    serde_json::from_str(&quote_bare_ellipses(pattern))
}

/// Compares a value with a pattern.
///
/// # Errors
/// When the value does not match the pattern. The error contains the path of the first difference,
/// the expected value and the actual value.
pub(crate) fn compare(pattern: &Value, value: &Value) -> Result<(), String> {
    compare_at("$", pattern, value)
}

fn compare_at(path: &str, pattern: &Value, value: &Value) -> Result<(), String> {
    let matches = match (pattern, value) {
        (Value::Object(pattern), Value::Object(members)) => {
            return compare_members(path, pattern, members);
        }
        (Value::Array(pattern), Value::Array(elements)) => {
            return compare_elements(path, pattern, elements);
        }
        (Value::String(bare), _) if bare == BARE_ELLIPSIS => true,
        (Value::String(pattern), Value::String(text)) => matches_text(pattern, text),
        _ => pattern == value,
    };
    if matches { Ok(()) } else { Err(format!("{path}: expected {pattern}, got {value}")) }
}

fn compare_members(
    path: &str,
    pattern: &Map<String, Value>,
    members: &Map<String, Value>,
) -> Result<(), String> {
    let is_ellipsis = |name: &str| name == BARE_ELLIPSIS || name == ELLIPSIS;
    for (name, expected) in pattern.iter().filter(|(name, _)| !is_ellipsis(name)) {
        let Some(member) = members.get(name) else { return Err(format!("{path}.{name}: missing")) };
        compare_at(&format!("{path}.{name}"), expected, member)?;
    }
    if pattern.keys().any(|name| is_ellipsis(name)) {
        return Ok(());
    }
    match members.keys().find(|name| !pattern.contains_key(*name)) {
        Some(name) => Err(format!("{path}.{name}: unexpected")),
        None => Ok(()),
    }
}

fn compare_elements(path: &str, pattern: &[Value], elements: &[Value]) -> Result<(), String> {
    let (pattern, is_open) = match pattern.split_last() {
        Some((last, first)) if last == BARE_ELLIPSIS => (first, true),
        _ => (pattern, false),
    };
    if elements.len() < pattern.len() || (!is_open && elements.len() > pattern.len()) {
        let expected = pattern.len();
        return Err(format!("{path}: expected {expected} elements, got {}", elements.len()));
    }
    for (n, (expected, element)) in pattern.iter().zip(elements).enumerate() {
        compare_at(&format!("{path}[{n}]"), expected, element)?;
    }
    Ok(())
}

/// Whether a text matches the pattern, in which each `…` matches any number of characters. A lone
/// `…` matches at least one.
fn matches_text(pattern: &str, text: &str) -> bool {
    if pattern == ELLIPSIS {
        return !text.is_empty();
    }
    let mut parts = pattern.split(ELLIPSIS);
    let Some(mut remaining) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return remaining.is_empty() };
    for part in middle {
        let Some((_, after)) = remaining.split_once(part) else { return false };
        remaining = after;
    }
    remaining.ends_with(last)
}

/// Quotes each `…` that is not in a string, or turns it into a member where the syntax requires
/// one.
fn quote_bare_ellipses(pattern: &str) -> String {
    let mut json = String::with_capacity(pattern.len());
    let mut containers = Vec::new();
    let (mut in_string, mut escaped, mut previous) = (false, false, ' ');
    for c in pattern.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            json.push(c);
            continue;
        }
        match c {
            '"' => in_string = true,
            '{' | '[' => containers.push(c),
            '}' | ']' => drop(containers.pop()),
            _ => {}
        }
        let is_member = containers.last() == Some(&'{') && previous != ':';
        match c {
            '…' if is_member => json.extend(["\"", BARE_ELLIPSIS, "\":null"]),
            '…' => json.extend(["\"", BARE_ELLIPSIS, "\""]),
            _ => json.push(c),
        }
        if !c.is_whitespace() {
            previous = c;
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, value: &str) -> Result<(), String> {
        compare(&parse(pattern).unwrap(), &serde_json::from_str(value).unwrap())
    }

    #[test]
    fn patterns_match_the_values_they_describe() {
        for (pattern, value) in [
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (r#"{"id":"…"}"#, r#"{"id":"0190163d"}"#),
            (r#""2026-…Z""#, r#""2026-11-23T08:15:30Z""#),
            (r#""…and…, and so on""#, r#""this and that, and so on""#),
            (r#""card declined…""#, r#""card declined""#),
            (r#"{"a":…}"#, r#"{"a":[1,{"b":null}]}"#),
            (r#"{"a":1,…}"#, r#"{"b":2,"a":1}"#),
            (r#"{"a":1,"…":"…"}"#, r#"{"a":1,"b":{"c":3}}"#),
            (r#"[{"a":1},…]"#, r#"[{"a":1},2,3]"#),
            ("[…]", "[]"),
            (r#"{"a":"\"…","b":…}"#, r#"{"a":"\"x","b":0}"#),
        ] {
            assert_eq!(check(pattern, value), Ok(()), "{pattern} {value}");
        }
    }

    #[test]
    fn the_first_difference_is_reported_with_its_path() {
        for (pattern, value, difference) in [
            (r#"{"a":1}"#, r#"{"a":2}"#, "$.a: expected 1, got 2"),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, r#"$.a: expected 1, got "1""#),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, "$.b: unexpected"),
            (r#"{"a":1,…}"#, r#"{"b":2}"#, "$.a: missing"),
            (r#"{"a":[1,2]}"#, r#"{"a":[1]}"#, "$.a: expected 2 elements, got 1"),
            (r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, "$.a: expected 1 elements, got 2"),
            (r#"[{"b":1},…]"#, r#"[{"b":2}]"#, "$[0].b: expected 1, got 2"),
            (r#""…""#, "7", r#"$: expected "…", got 7"#),
            (r#""…""#, r#""""#, r#"$: expected "…", got """#),
            (r#""a…z""#, r#""abc""#, r#"$: expected "a…z", got "abc""#),
            (r#""a…b…c""#, r#""ac b""#, r#"$: expected "a…b…c", got "ac b""#),
        ] {
            assert_eq!(check(pattern, value), Err(difference.to_owned()), "{pattern} {value}");
        }
    }
}
