//! The text in which fragments of a message are found.
//!
//! If a message is printable ASCII and fits into one piece, its searchable text is the message in
//! lower case, which OpenSearch derives itself. For other messages, the document contains the
//! searchable text as well.

use serde::Serialize;

use crate::text::searchable;

/// The longest value of a field that OpenSearch keeps for scripts, in bytes.
const MAX_PIECE_BYTES: usize = 32_766;

/// The overlap of pieces: the longest fragment that can be found, in bytes.
pub(in crate::index::opensearch) const MAX_FRAGMENT_BYTES: usize = 4 * 1024;

/// The fields that contain a message and find its fragments.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Searchable<'a> {
    /// A message whose searchable text is the message in lower case, in one piece.
    Plain { message: &'a str },
    /// Any other message.
    Other { original_message: &'a str, searchable_text: Vec<String> },
}

impl<'a> Searchable<'a> {
    pub(super) fn of(message: &'a str) -> Self {
        let is_plain = message.len() <= MAX_PIECE_BYTES
            && message.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if is_plain {
            return Self::Plain { message };
        }
        let searchable_text = pieces(&lowercase_stable(searchable(message)));
        Self::Other { original_message: message, searchable_text }
    }
}

/// Pieces of at most [`MAX_PIECE_BYTES`] that overlap by at least [`MAX_FRAGMENT_BYTES`].
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = text.floor_char_boundary(start + MAX_PIECE_BYTES);
        pieces.push(text[start..end].to_owned());
        if end == text.len() {
            break;
        }
        start = text.floor_char_boundary(end - MAX_FRAGMENT_BYTES);
    }
    pieces
}

/// Folded text in a form that OpenSearch's `lowercase` does not change. Cherokee is the only script
/// whose case is folded to capitals.
pub(in crate::index::opensearch) fn lowercase_stable(folded: String) -> String {
    if folded.is_ascii() {
        return folded;
    }
    folded.chars().map(lowercase_cherokee).collect()
}

fn lowercase_cherokee(c: char) -> char {
    let offset = match c {
        '\u{13a0}'..='\u{13ef}' => 0xab70 - 0x13a0,
        '\u{13f0}'..='\u{13f5}' => 8,
        _ => 0,
    };
    char::from_u32(u32::from(c) + offset).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fragment;

    #[test]
    fn only_printable_ascii_is_derived_by_opensearch() {
        for message in ["", "GET /health", "~"] {
            assert_eq!(Searchable::of(message), Searchable::Plain { message });
        }
        let long = "A".repeat(MAX_PIECE_BYTES + 1);
        for (message, text) in [
            ("É", vec!["é"]),
            ("a\tb", vec!["a b"]),
            ("\u{1b}[1mA", vec![" [1ma\0a"]),
            (&long, vec![&long.to_lowercase()[..MAX_PIECE_BYTES], &"a".repeat(4097)]),
        ] {
            let searchable_text = text.into_iter().map(str::to_owned).collect();
            let expected = Searchable::Other { original_message: message, searchable_text };
            assert_eq!(Searchable::of(message), expected);
        }
    }

    #[test]
    fn every_fragment_of_a_long_text_is_in_a_piece() {
        let text: String = ('a'..='z').chain('\u{4e00}'..'\u{9e00}').collect();
        let pieces = pieces(&text);
        assert!(pieces.len() > 1);
        assert!(pieces.iter().all(|piece| piece.len() <= MAX_PIECE_BYTES));
        let chars: Vec<char> = text.chars().collect();
        for fragment in chars.windows(1024).step_by(17) {
            let fragment: String = fragment.iter().collect();
            assert!(pieces.iter().any(|piece| piece.contains(&fragment)));
        }
    }

    #[test]
    fn lowercasing_does_not_change_stable_text() {
        for c in '\0'..=char::MAX {
            let stable = lowercase_stable(fragment(&c.to_string()));
            let lower: String = stable.chars().flat_map(char::to_lowercase).collect();
            assert_eq!(lower, stable, "{c:?}");
        }
    }
}
