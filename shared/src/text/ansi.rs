//! Terminal escape sequences (ECMA-48), such as those that colour a log line.

use std::borrow::Cow;

const ESCAPE: char = '\u{1b}';

/// Removes terminal escape sequences. An escape character that does not start one is kept.
pub(crate) fn strip_ansi(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(plain_pieces(text).map(|(_, piece)| piece).collect())
}

/// The pieces of `text` between its escape sequences, each with its byte offset.
pub(super) fn plain_pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut position = 0;
    std::iter::from_fn(move || {
        loop {
            match sequence_length(&text[position..]) {
                0 => break,
                length => position += length,
            }
        }
        if position == text.len() {
            return None;
        }
        let start = position;
        // The first character does not start a sequence.
        let next = text[start..].char_indices().skip(1).find(|(_, c)| *c == ESCAPE);
        position = next.map_or(text.len(), |(offset, _)| start + offset);
        Some((start, &text[start..position]))
    })
}

/// The length in bytes of the escape sequence at the start of `text`; 0 if there is none.
fn sequence_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !text.starts_with(ESCAPE) {
        return 0;
    }
    match bytes.get(1) {
        // A control sequence: parameters, intermediate bytes and a final byte.
        Some(b'[') => {
            let end = bytes.iter().skip(2).position(|byte| !(0x20..=0x3f).contains(byte));
            match end.map(|end| end + 2) {
                Some(end) if (0x40..=0x7e).contains(&bytes[end]) => end + 1,
                _ => 0,
            }
        }
        // An operating system command, such as a hyperlink. It ends with BEL or ESC \.
        Some(b']') => {
            let bell = text.find('\u{7}').map(|end| end + 1);
            let terminator = text.find("\u{1b}\\").map(|end| end + 2);
            bell.into_iter().chain(terminator).min().unwrap_or(0)
        }
        // A choice of character set: an intermediate byte and a final byte. `tput sgr0` sends one.
        Some(b'('..=b'+') if matches!(bytes.get(2), Some(0x30..=0x7e)) => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_removed() {
        for (text, plain) in [
            ("\u{1b}[32mDEBUG\u{1b}[0m ok", "DEBUG ok"),
            ("\u{1b}[38;5;196mred\u{1b}[K", "red"),
            ("\u{1b}]8;;http://a/\u{7}link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}[1m\u{1b}[2mtwo\u{1b}[0m\u{1b}[0m", "two"),
            ("\u{1b}[31mtput\u{1b}(B\u{1b}[m", "tput"),
            ("no colour", "no colour"),
        ] {
            assert_eq!(strip_ansi(text), plain, "{text:?}");
        }
    }

    #[test]
    fn other_escape_characters_are_kept() {
        for text in ["\u{1b}", "a\u{1b}b", "\u{1b}[", "\u{1b}[3é", "\u{1b}]open", "\u{1b}(é"] {
            assert_eq!(strip_ansi(text), text, "{text:?}");
        }
    }
}
