//! JSON strings.

use std::borrow::Cow;

use serde::Deserialize;

/// A JSON string, borrowed from the JSON unless it contains escapes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Appends a JSON string.
pub fn push_string(text: &str, json: &mut String) {
    let has_escapes = text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\');
    if has_escapes {
        json.push_str(&serde_json::Value::from(text).to_string());
    } else {
        json.extend(["\"", text, "\""]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appended_string_is_read_back() {
        for text in ["", "plain ünïcödé", "\"quoted\\\"", "line\n\0\u{7f}"] {
            let mut json = String::new();
            push_string(text, &mut json);
            assert_eq!(serde_json::from_str::<Text<'_>>(&json).unwrap().0, text);
            assert_eq!(json, serde_json::to_string(text).unwrap());
        }
    }

    #[test]
    fn a_string_without_escapes_is_borrowed() {
        assert!(matches!(serde_json::from_str(r#""a""#).unwrap(), Text(Cow::Borrowed("a"))));
        assert!(matches!(serde_json::from_str(r#""\n""#).unwrap(), Text(Cow::Owned(_))));
    }
}
