//! Grams: the groups of three consecutive characters in a text. A text that contains a fragment
//! also contains the fragment's grams. The reverse does not hold, so the text itself must be
//! checked.

use super::SEPARATOR;

/// The length of a gram in characters.
pub const GRAM_CHARS: usize = 3;

/// Calls `on_gram` with each gram of a [`searchable`](super::searchable) text. The text is padded
/// with two separators, so each of its characters begins a gram. A fragment shorter than a gram is
/// therefore in the text if and only if it is in one of the grams.
pub fn grams(searchable: &str, mut on_gram: impl FnMut(&str)) {
    for gram in whole_grams(searchable) {
        on_gram(gram);
    }
    let last_two = searchable.char_indices().rev().take(GRAM_CHARS - 1);
    for (padding, (start, _)) in last_two.enumerate() {
        let mut gram = searchable[start..].to_owned();
        gram.extend(std::iter::repeat_n(SEPARATOR, GRAM_CHARS - 1 - padding));
        on_gram(&gram);
    }
}

/// The distinct grams of a fragment; none if it is shorter than a gram.
#[must_use]
pub fn fragment_grams(fragment: &str) -> Vec<&str> {
    let mut grams: Vec<&str> = whole_grams(fragment).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

fn whole_grams(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.char_indices().map(|(start, _)| start);
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8()).skip(GRAM_CHARS - 1);
    starts.zip(ends).map(|(start, end)| &text[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(text: &str) -> Vec<String> {
        let mut collected = Vec::new();
        grams(text, |gram| collected.push(gram.to_owned()));
        collected
    }

    #[test]
    fn every_character_begins_a_gram() {
        assert_eq!(collect("äbcd"), ["äbc", "bcd", "d\0\0", "cd\0"]);
        assert_eq!(collect("支"), ["支\0\0"]);
        assert!(collect("").is_empty());
    }

    #[test]
    fn the_grams_of_a_fragment_are_not_padded() {
        assert_eq!(fragment_grams("äbcd"), ["bcd", "äbc"]);
        assert!(fragment_grams("ab").is_empty());
    }
}
