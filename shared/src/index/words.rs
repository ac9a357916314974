//! The rules for the words of a query, which every adapter follows.

/// The maximum number of distinct words in a query: as many as fit in 1,024 characters.
const MAX_WORDS: usize = 512;

/// The maximum number of parts of a query that match fuzzily. Each one scans the term dictionary.
pub(super) const MAX_FUZZY_PARTS: usize = 16;

/// The longest part that matches fuzzily. Its automaton grows with every character, in tantivy by
/// about 70 kB.
pub(super) const MAX_FUZZY_CHARS: usize = 32;

/// Checks the number of distinct words in a query.
///
/// # Errors
/// When there are too many.
pub(super) fn check_count(words: usize) -> Result<(), String> {
    if words > MAX_WORDS {
        return Err(format!("the query must have at most {MAX_WORDS} distinct words"));
    }
    Ok(())
}

/// The number of edits by which a part may differ, or `None` if it must match exactly.
pub(super) fn max_edits(part: &str) -> Option<u8> {
    match part.chars().count() {
        3..=5 => Some(1),
        6..=MAX_FUZZY_CHARS => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_edits_depends_on_the_length_in_characters() {
        for (part, edits) in [
            ("db", None),
            ("dsk", Some(1)),
            ("ääääx", Some(1)),
            ("timeot", Some(2)),
            (&"a".repeat(32), Some(2)),
            (&"a".repeat(33), None),
        ] {
            assert_eq!(max_edits(part), edits, "{part}");
        }
    }

    #[test]
    fn more_than_512_words_are_rejected() {
        assert!(check_count(512).is_ok());
        assert!(check_count(513).unwrap_err().contains("512"));
    }
}
