//! Repairs invalid JSON that some loggers write: Python writes NaN and infinities as literals, and
//! formatters based on templates leave control characters in strings.

/// Returns the JSON with NaN and infinities as strings, and with control characters in strings
/// escaped, or `None` if it contains none of these.
#[must_use]
pub fn without_extensions(json: &str) -> Option<String> {
    let mut repaired = String::with_capacity(json.len() + 16);
    let mut rest = json;
    let mut is_in_string = false;
    let mut has_changed = false;
    while let Some(next) = rest.chars().next() {
        let mut length = next.len_utf8();
        match next {
            '\\' if is_in_string => {
                length += rest[1..].chars().next().map_or(0, char::len_utf8);
                repaired.push_str(&rest[..length]);
            }
            '"' => {
                is_in_string = !is_in_string;
                repaired.push(next);
            }
            '\0'..='\u{1f}' if is_in_string => {
                repaired.extend(["\\u00", if next < '\u{10}' { "0" } else { "1" }]);
                repaired.extend(char::from_digit(u32::from(next) % 16, 16));
                has_changed = true;
            }
            'N' | 'I' | '-' if !is_in_string => match literal(rest) {
                Some(literal) => {
                    repaired.extend(["\"", literal, "\""]);
                    length = literal.len();
                    has_changed = true;
                }
                None => repaired.push(next),
            },
            _ => repaired.push(next),
        }
        rest = &rest[length..];
    }
    has_changed.then_some(repaired)
}

/// The literal for NaN or an infinity at the beginning of `text`.
fn literal(text: &str) -> Option<&'static str> {
    ["NaN", "Infinity", "-Infinity"].into_iter().find(|literal| text.starts_with(literal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_characters_that_json_forbids_are_repaired() {
        for (json, expected) in [
            (
                r#"{"v":NaN,"w":[-Infinity,Infinity]}"#,
                r#"{"v":"NaN","w":["-Infinity","Infinity"]}"#,
            ),
            ("{\"a\tb\":\"c\u{1}\"}", r#"{"a\u0009b":"c\u0001"}"#),
            (r#"["NaN \" NaN",NaN]"#, r#"["NaN \" NaN","NaN"]"#),
        ] {
            let repaired = without_extensions(json).unwrap();
            assert_eq!(repaired, expected);
            assert!(serde_json::from_str::<serde_json::Value>(&repaired).is_ok());
        }
    }

    #[test]
    fn json_without_extensions_is_not_repaired() {
        for json in [r#"{"v":"NaN","w":-1}"#, "{\n\t\"a\": 1\r\n}", "", "\\", "\"\\"] {
            assert_eq!(without_extensions(json), None, "{json}");
        }
    }
}
