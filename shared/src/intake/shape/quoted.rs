//! Strings quoted as in Go, as in labels and logfmt.

use std::borrow::Cow;

/// Reads the quoted string at the beginning of `text`. Returns it and the rest.
#[must_use]
pub fn read(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let quote = text.chars().next()?;
    let inner = text.get(1..)?;
    match quote {
        '`' => inner.split_once('`').map(|(raw, rest)| (Cow::Borrowed(raw), rest)),
        '"' | '\'' => {
            let end = closing(inner, quote)?;
            Some((unescape(&inner[..end])?, &inner[end + 1..]))
        }
        _ => None,
    }
}

/// The position of the first `quote` that is not escaped.
pub(super) fn closing(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(position, character)| {
        if is_escaped {
            is_escaped = false;
        } else if character == '\\' {
            is_escaped = true;
        } else if character == quote {
            return Some(position);
        }
        None
    })
}

/// Decodes Go's escape sequences. Returns `None` if one of them is invalid.
pub(super) fn unescape(text: &str) -> Option<Cow<'_, str>> {
    let Some((mut plain, mut rest)) = text.split_once('\\') else {
        return Some(Cow::Borrowed(text));
    };
    let mut bytes = Vec::with_capacity(text.len());
    loop {
        bytes.extend_from_slice(plain.as_bytes());
        rest = escape(rest, &mut bytes)?;
        match rest.split_once('\\') {
            Some(next) => (plain, rest) = next,
            None => break,
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Decodes the escape sequence after a backslash. Returns the rest.
fn escape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let kind = text.chars().next()?;
    let rest = text.get(kind.len_utf8()..)?;
    let byte = match kind {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' | '"' | '\'' | '/' => u8::try_from(kind).ok()?,
        '0'..='7' => {
            bytes.push(u8::try_from(number(text, 3, 8)?).ok()?);
            return text.get(3..);
        }
        'x' => {
            bytes.push(u8::try_from(number(rest, 2, 16)?).ok()?);
            return rest.get(2..);
        }
        'u' | 'U' => {
            let digits = if kind == 'u' { 4 } else { 8 };
            let character = char::from_u32(number(rest, digits, 16)?)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return rest.get(digits..);
        }
        _ => return None,
    };
    bytes.push(byte);
    Some(rest)
}

/// Parses a number with exactly `digits` digits.
fn number(text: &str, digits: usize, radix: u32) -> Option<u32> {
    let digits = text.get(..digits)?;
    let are_digits = digits.chars().all(|digit| digit.is_digit(radix));
    are_digits.then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_string_ends_at_its_closing_quote() {
        for (text, expected) in [
            (r#""a b",c"#, Some(("a b", ",c"))),
            (r#""","#, Some(("", ","))),
            (r#""a\"b\\""#, Some((r#"a"b\"#, ""))),
            (r"'it\'s'}", Some(("it's", "}"))),
            (r"`C:\n`}", Some((r"C:\n", "}"))),
            (r#""a"#, None),
            (r#""a\""#, None),
            ("a", None),
            ("", None),
        ] {
            let read = read(text);
            let read = read.as_ref().map(|(value, rest)| (&**value, *rest));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn go_escape_sequences_are_decoded() {
        for (text, expected) in [
            (r"\a\b\f\n\r\t\v", Some("\u{7}\u{8}\u{c}\n\r\t\u{b}")),
            (r"\u00fc\U0001f680\x41\101é", Some("ü🚀AAé")),
            (r"\xc3\xbc", Some("ü")),
            (r"\xff", Some("\u{fffd}")),
            (r"\q", None),
            (r"\ud83d", None),
            (r"\u12", None),
            (r"\x+1", None),
            (r"\400", None),
            (r"a\", None),
        ] {
            assert_eq!(unescape(text).as_deref(), expected, "{text}");
        }
    }
}
