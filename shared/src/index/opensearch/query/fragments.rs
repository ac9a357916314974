//! Fragments of a message as OpenSearch queries: grams find candidates, and a script checks them.
//!
//! A text's grams do not overlap, so a fragment can begin at any character of a gram. For each of
//! these offsets, the fragment consists of the end of a gram, whole grams, and the beginning of a
//! gram. Overlapping grams would find fewer candidates but take three times the space.

use serde_json::{Value, json};

use super::super::document::{GRAMS, MAX_FRAGMENT_BYTES, SEARCHABLE, lowercase_stable};
use crate::query::Condition;
use crate::text::GRAM_CHARS;

/// The maximum number of grams in a query. OpenSearch limits the number of clauses.
const MAX_GRAMS: usize = 256;

/// The maximum number of a fragment's grams at one offset. More would hardly narrow the candidates.
const MAX_GRAMS_OF_OFFSET: usize = 8;

/// Checks whether the text contains the fragment. The source is constant, because OpenSearch
/// compiles only a few different scripts per minute.
const CONTAINS: &str = "if (!doc.containsKey(params.field)) { return false; } \
    def pieces = doc[params.field]; \
    for (int i = 0; i < pieces.size(); i++) { \
        if (pieces.get(i).contains(params.fragment)) { return true; } \
    } \
    return false;";

/// Builds the queries for the fragments in a condition.
pub(super) struct Fragments {
    max_grams_of_offset: usize,
}

impl Fragments {
    /// Divides the permitted grams among the fragments in a condition.
    pub(super) fn of(condition: &Condition) -> Self {
        let max_grams = MAX_GRAMS / GRAM_CHARS / count(condition).max(1);
        Self { max_grams_of_offset: max_grams.clamp(1, MAX_GRAMS_OF_OFFSET) }
    }

    /// The query for a fragment.
    ///
    /// # Errors
    /// When the fragment is longer than the overlap of the pieces.
    pub(super) fn query(&self, fragment: &str) -> Result<Value, String> {
        if fragment.len() > MAX_FRAGMENT_BYTES {
            return Err(format!("a fragment must have at most {MAX_FRAGMENT_BYTES} bytes"));
        }
        let fragment = lowercase_stable(fragment.to_owned());
        let chars: Vec<char> = fragment.chars().collect();
        if chars.len() == 1 {
            return Ok(wildcard(&format!("*{}*", escaped(&chars))));
        }
        let offsets = (0..GRAM_CHARS).map(|offset| self.candidates(&chars, offset));
        let candidates = json!({"bool": {"should": offsets.collect::<Vec<Value>>()}});
        Ok(json!({"bool": {"filter": [candidates, contains(&fragment)]}}))
    }

    /// Finds texts that may contain the fragment at `offset` characters after the start of a gram.
    fn candidates(&self, fragment: &[char], offset: usize) -> Value {
        let (end, rest) = match offset {
            0 => (&[][..], fragment),
            _ => fragment.split_at((GRAM_CHARS - offset).min(fragment.len())),
        };
        let grams = rest.chunks_exact(GRAM_CHARS);
        let beginning = grams.remainder();
        let mut filters: Vec<Value> = spread(grams.collect(), self.max_grams_of_offset)
            .map(|gram| json!({"term": {GRAMS: text(gram)}}))
            .collect();
        let is_selective = !filters.is_empty();
        if beginning.len() > 1 || (!beginning.is_empty() && !is_selective) {
            filters.push(json!({"prefix": {GRAMS: text(beginning)}}));
        }
        // OpenSearch scans all grams to find those with a given end.
        if !end.is_empty() && !is_selective {
            let after = if rest.is_empty() { "*" } else { "" };
            filters.push(wildcard(&format!("{}{}{after}", "?".repeat(offset), escaped(end))));
        }
        json!({"bool": {"filter": filters}})
    }
}

/// At most `max` of the grams, evenly spaced.
fn spread(grams: Vec<&[char]>, max: usize) -> impl Iterator<Item = &[char]> {
    let step = grams.len().div_ceil(max).max(1);
    grams.into_iter().step_by(step)
}

fn text(chars: &[char]) -> String {
    chars.iter().collect()
}

fn wildcard(pattern: &str) -> Value {
    json!({"wildcard": {GRAMS: pattern}})
}

/// Escapes the characters for a wildcard pattern.
fn escaped(chars: &[char]) -> String {
    let mut escaped = String::new();
    for &c in chars {
        if matches!(c, '*' | '?' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn contains(fragment: &str) -> Value {
    let params = json!({"field": SEARCHABLE, "fragment": fragment});
    json!({"script": {"script": {"source": CONTAINS, "lang": "painless", "params": params}}})
}

/// Whether a condition contains fragments.
pub(super) fn has_fragments(condition: &Condition) -> bool {
    count(condition) > 0
}

/// The number of fragments in a condition.
fn count(condition: &Condition) -> usize {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => {
            conditions.iter().map(count).sum()
        }
        Condition::Not(condition) => count(condition),
        Condition::Fragment(_) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(fragment: &str) -> Value {
        let condition = Condition::Fragment(fragment.to_owned());
        Fragments::of(&condition).query(fragment).unwrap()
    }

    /// The clauses for each offset, each as `kind pattern`.
    fn candidates(fragment: &str) -> Vec<Vec<String>> {
        let query = query(fragment);
        let offsets = query["bool"]["filter"][0]["bool"]["should"].as_array().unwrap().clone();
        let clauses = |offset: &Value| {
            let filters = offset["bool"]["filter"].as_array().unwrap().clone();
            let clauses = filters.iter().map(|filter| {
                let (kind, field) = filter.as_object().unwrap().iter().next().unwrap();
                format!("{kind} {}", field[GRAMS].as_str().unwrap())
            });
            clauses.collect()
        };
        offsets.iter().map(clauses).collect()
    }

    #[test]
    fn a_fragment_can_begin_anywhere_in_a_gram() {
        for (fragment, expected) in [
            ("!=", [&["prefix !="][..], &["wildcard ?!=*"], &["prefix =", "wildcard ??!"]]),
            ("äb*", [&["term äb*"], &["prefix *", "wildcard ?äb"], &["prefix b*", "wildcard ??ä"]]),
            ("abcd", [&["term abc"], &["prefix cd", "wildcard ?ab"], &["term bcd"]]),
            ("abcdef", [&["term abc", "term def"], &["term cde"], &["term bcd", "prefix ef"]]),
        ] {
            assert_eq!(candidates(fragment), expected, "{fragment}");
        }
        assert_eq!(query("*"), json!({"wildcard": {GRAMS: r"*\**"}}));
    }

    #[test]
    fn the_number_of_grams_is_limited() {
        let long: String = ('\u{4e00}'..).take(1024).collect();
        assert_eq!(query(&long).to_string().matches("term").count(), 24);
        let many = Condition::All(vec![Condition::Fragment(long.clone()); 64]);
        let query = Fragments::of(&many).query(&long).unwrap().to_string();
        assert_eq!(query.matches("term").count(), 3);
    }

    #[test]
    fn a_fragment_longer_than_the_overlap_is_rejected() {
        let long = "a".repeat(MAX_FRAGMENT_BYTES + 1);
        let condition = Condition::Fragment(long.clone());
        assert!(Fragments::of(&condition).query(&long).unwrap_err().contains("4096"));
    }
}
