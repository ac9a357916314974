//! Replaces lone surrogates, which JavaScript writes if a string was cut within a character.

use std::borrow::Cow;

/// The escape of U+FFFD after its backslash, as long as that of a surrogate.
const REPLACEMENT: &[u8] = b"ufffd";

/// Returns the JSON with each escape of a lone surrogate replaced by `\ufffd`.
#[must_use]
pub fn without_lone_surrogates(json: &str) -> Cow<'_, str> {
    if !json.contains("\\ud") && !json.contains("\\uD") {
        return Cow::Borrowed(json);
    }
    let mut bytes = json.as_bytes().to_vec();
    let has_replaced = replace_lone_surrogates(&mut bytes);
    let replaced = has_replaced.then(|| String::from_utf8(bytes));
    replaced.and_then(Result::ok).map_or(Cow::Borrowed(json), Cow::Owned)
}

/// Replaces each escape of a lone surrogate (`\ud83d` without its other half) with `\ufffd`.
/// Returns whether there was one.
pub fn replace_lone_surrogates(json: &mut [u8]) -> bool {
    let mut has_replaced = false;
    let mut start = 0;
    while let Some(backslash) = memchr::memchr(b'\\', &json[start..]) {
        let escape = start + backslash + 1;
        start = match (surrogate(&json[escape..]), surrogate_after(&json[escape..])) {
            (None, _) => escape + 1,
            (Some(Half::High), Some(Half::Low)) => escape + 2 * REPLACEMENT.len() + 1,
            (Some(_), _) => {
                let end = escape + REPLACEMENT.len();
                json[escape..end].copy_from_slice(REPLACEMENT);
                has_replaced = true;
                end
            }
        };
        if start >= json.len() {
            break;
        }
    }
    has_replaced
}

/// Which half of a surrogate pair a surrogate is.
#[derive(Debug, Clone, Copy)]
enum Half {
    High,
    Low,
}

/// The surrogate in the escape after a backslash.
fn surrogate(escape: &[u8]) -> Option<Half> {
    let [b'u', b'd' | b'D', kind, a, b, ..] = escape else { return None };
    if !(a.is_ascii_hexdigit() && b.is_ascii_hexdigit()) {
        return None;
    }
    match kind.to_ascii_lowercase() {
        b'8' | b'9' | b'a' | b'b' => Some(Half::High),
        b'c'..=b'f' => Some(Half::Low),
        _ => None,
    }
}

/// The surrogate in the escape that follows this escape of a surrogate.
fn surrogate_after(escape: &[u8]) -> Option<Half> {
    surrogate(escape.get(REPLACEMENT.len()..)?.strip_prefix(b"\\")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_half_a_pair_is_replaced() {
        for (json, expected) in [
            (r#""cut \ud83d""#, r#""cut \ufffd""#),
            (r#""\uDE00 low""#, r#""\ufffd low""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#""\ud83d\\ude00""#, r#""\ufffd\\ude00""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
        ] {
            let mut bytes = json.as_bytes().to_vec();
            assert!(replace_lone_surrogates(&mut bytes), "{json}");
            assert_eq!(str::from_utf8(&bytes).unwrap(), expected);
        }
    }

    #[test]
    fn other_escapes_are_kept() {
        for json in [
            r#""\ud83d\ude00""#,
            r#""C:\\ud83d""#,
            r#""\u0041 \ud7ff \ue000""#,
            r#""\ud83"#,
            r#""\ud8zz""#,
            "\"\\",
            "",
        ] {
            let mut bytes = json.as_bytes().to_vec();
            assert!(!replace_lone_surrogates(&mut bytes), "{json}");
            assert_eq!(bytes, json.as_bytes());
        }
    }
}
