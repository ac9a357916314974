//! Derived texts that record where in the original each byte comes from, so that matches can be
//! marked there.

use std::ops::Range;

use super::ansi::plain_pieces;
use super::normalize::{fold_located, normalize_located};

/// A text derived from an original.
#[derive(Debug, Default)]
pub(crate) struct Located {
    /// The derived text.
    pub(crate) text: String,
    /// For each byte of the derived text, the byte offset in the original of the characters that it
    /// comes from.
    pub(super) origins: Vec<usize>,
    /// The length of the original in bytes.
    pub(super) end: usize,
}

impl Located {
    /// The original, unchanged.
    pub(crate) fn original(text: &str) -> Self {
        Self { text: text.to_owned(), origins: (0..text.len()).collect(), end: text.len() }
    }

    /// The original without terminal escape sequences.
    pub(crate) fn without_ansi(text: &str) -> Self {
        let mut plain = Self { end: text.len(), ..Self::default() };
        for (start, piece) in plain_pieces(text) {
            plain.text.push_str(piece);
            plain.origins.extend(start..start + piece.len());
        }
        plain
    }

    pub(crate) fn normalized(&self) -> Self {
        normalize_located(self)
    }

    pub(crate) fn folded(&self) -> Self {
        fold_located(self)
    }

    /// The byte range of the original that a part of the derived text comes from.
    pub(crate) fn origin(&self, range: Range<usize>) -> Range<usize> {
        let at = |position: usize| self.origins.get(position).copied().unwrap_or(self.end);
        // A character of the original can become several; the range covers all of it.
        let start = at(range.start);
        let last = at(range.end.saturating_sub(1));
        let after = self.origins[range.end.min(self.origins.len())..].iter();
        let end = after.copied().find(|origin| *origin > last).unwrap_or(self.end);
        start..end.max(start)
    }
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
            ("a\u{1b}[31mred\u{1b}[0m b", "red", "red\u{1b}[0m"),
            ("İx", "x", "x"),
        ] {
            let located = Located::without_ansi(original).normalized().folded();
            let start = located.text.find(part).unwrap();
            let origin = located.origin(start..start + part.len());
            assert_eq!(&original[origin], expected, "{original}");
        }
    }
}
