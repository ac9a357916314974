//! Derived texts that record where in the original each byte comes from, so that matches can be
//! marked there.

use std::ops::Range;

use super::ansi::plain_pieces;
use super::normalize::{fold_located, normalize_located};

/// Text derived from an original.
#[derive(Debug, Default)]
pub(crate) struct Located {
    /// The derived text.
    pub(crate) text: String,
    /// For each byte of the derived text, the byte range in the original of the characters that it
    /// comes from, without invisible ones after them.
    pub(super) origins: Vec<Range<usize>>,
}

impl Located {
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

    /// The byte range of the original that a part of the derived text comes from. A character of
    /// the original can become several; the range covers all of it.
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
            let located = Located::without_ansi(original).normalized().folded();
            let start = located.text.find(part).unwrap();
            let origin = located.origin(start..start + part.len());
            assert_eq!(&original[origin], expected, "{original}");
        }
    }
}
