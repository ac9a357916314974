//! Derived text that maps each byte back to the original, so that matches can be highlighted in the
//! original.

use std::ops::Range;

use super::ansi::plain_pieces;
use super::normalize::{fold_located, normalize_located};

/// Text derived from an original.
#[derive(Debug, Default)]
pub(crate) struct LocatedText {
    /// The derived text.
    pub(crate) text: String,
    /// Maps each byte of `text` to the byte range of its source characters in the original,
    /// excluding any invisible characters that follow.
    pub(super) origins: Vec<Range<usize>>,
}

impl LocatedText {
    /// The original, unchanged.
    pub(crate) fn original(text: &str) -> Self {
        Self { text: text.to_owned(), origins: bytes(0..text.len()).collect() }
    }

    /// The original without terminal escape sequences.
    pub(crate) fn without_ansi(text: &str) -> Self {
        let mut plain = Self::default();
        for (start, piece) in plain_pieces(text) {
            plain.text.push_str(piece);
            plain.origins.extend(bytes(start..start + piece.len()));
        }
        plain
    }

    pub(crate) fn normalized(&self) -> Self {
        normalize_located(self)
    }

    pub(crate) fn folded(&self) -> Self {
        fold_located(self)
    }

    /// The byte range in the original from which a part of the derived text comes. One character of
    /// the original can become several; the range includes that character as a whole.
    pub(crate) fn origin(&self, range: Range<usize>) -> Range<usize> {
        let covered = &self.origins[range];
        let (Some(first), Some(last)) = (covered.first(), covered.last()) else { return 0..0 };
        first.start..last.end
    }
}

/// The range of each byte.
fn bytes(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    range.map(|start| start..start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_located_in_the_original() {
        for (original, part, expected) in [
            ("Payment FAILED", "failed", "FAILED"),
            ("Zu\u{308}rich.csv", "zürich", "Zu\u{308}rich"),
            ("in oﬃce", "ff", "ﬃ"),
            ("a\u{1b}[31mred\u{1b}[0m b", "red", "red"),
            ("a\u{1b}[31mr\u{1b}[0med b", "red", "r\u{1b}[0med"),
            ("red\u{200b} soft\u{ad}hyphen\u{ad}.", "red", "red"),
            ("red\u{200b} soft\u{ad}hyphen\u{ad}.", "softhyphen", "soft\u{ad}hyphen"),
            ("İx", "x", "x"),
        ] {
            let located = LocatedText::without_ansi(original).normalized().folded();
            let start = located.text.find(part).unwrap();
            let origin = located.origin(start..start + part.len());
            assert_eq!(&original[origin], expected, "{original}");
        }
    }
}
