//! Translates a search query into an OpenSearch request.
//! Every word of the text is required. A word with punctuation is a phrase of its parts.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::document::{ID, LEVEL, OMITTED_FROM_HITS, SERVICE_NAME, TEXT, TIMESTAMP_MICROS};
use crate::index::words::{MAX_FUZZY_PARTS, check_count, max_edits};
use crate::search::{SearchHits, SearchQuery, Sort};

/// A word of the query: its runs of letters and digits.
type Word<'a> = Vec<&'a str>;

/// The body of the search request, which asks for a page and one more hit.
///
/// # Errors
/// When the text has too many words.
pub(super) fn body(query: &SearchQuery) -> Result<Value, String> {
    let mut body = json!({
        "query": clauses(query)?,
        "sort": sort(query.sort),
        "size": query.limit + 1,
        "track_total_hits": SearchHits::MAX_TOTAL + 1,
        "_source": {"excludes": OMITTED_FROM_HITS},
    });
    if let Some(cursor) = query.cursor {
        body["search_after"] = json!([cursor.timestamp.as_micros(), cursor.id]);
    }
    Ok(body)
}

fn sort(sort: Sort) -> Value {
    let by_time = |order| [json!({TIMESTAMP_MICROS: order}), json!({ID: order})];
    match sort {
        Sort::Newest => json!(by_time("desc")),
        Sort::Oldest => json!(by_time("asc")),
        Sort::Relevance => {
            let [time, id] = by_time("desc");
            json!([{"_score": "desc"}, time, id])
        }
    }
}

/// The clauses of a boolean query: filters do not contribute to the score.
#[derive(Default)]
struct Clauses {
    filter: Vec<Value>,
    must: Vec<Value>,
    should: Vec<Value>,
}

fn clauses(query: &SearchQuery) -> Result<Value, String> {
    let mut clauses = Clauses::default();
    if let Some(text) = &query.text {
        clauses.require_text(text, query.fuzzy)?;
    }
    if !query.service_names.is_empty() {
        clauses.filter.push(json!({"terms": {SERVICE_NAME: query.service_names}}));
    }
    if !query.levels.is_empty() {
        clauses.filter.push(json!({"terms": {LEVEL: query.levels}}));
    }
    if query.from.is_some() || query.to.is_some() {
        let mut range = json!({});
        if let Some(from) = query.from {
            range["gte"] = json!(from.as_micros());
        }
        if let Some(to) = query.to {
            range["lt"] = json!(to.as_micros());
        }
        clauses.filter.push(json!({"range": {TIMESTAMP_MICROS: range}}));
    }
    Ok(clauses.into_query(query.sort))
}

impl Clauses {
    fn require_text(&mut self, text: &str, fuzzy: bool) -> Result<(), String> {
        let words = distinct_words(text);
        if words.is_empty() {
            self.filter.push(json!({"match_none": {}}));
        }
        check_count(words.len())?;
        let mut fuzzy_parts = if fuzzy { MAX_FUZZY_PARTS } else { 0 };
        for word in words {
            if fuzzy {
                self.require_fuzzy_word(&word, &mut fuzzy_parts);
            } else {
                self.must.push(exact(&word));
            }
        }
        Ok(())
    }

    /// Requires the parts of a word anywhere in the text, and prefers the exact word: only exact
    /// matches contribute to the score, so they come first when sorted by relevance.
    fn require_fuzzy_word(&mut self, word: &Word<'_>, fuzzy_parts: &mut usize) {
        let mut is_exact = word.len() == 1;
        for part in word {
            let edits = max_edits(part).filter(|_| *fuzzy_parts > 0);
            *fuzzy_parts -= usize::from(edits.is_some());
            is_exact &= edits.is_none();
            self.filter.push(match edits {
                Some(edits) => fuzzy(part, edits),
                None => exact(&vec![*part]),
            });
        }
        if is_exact {
            // OpenSearch limits the number of clauses, so an exact word is required only once.
            self.filter.pop();
            self.must.push(exact(word));
        } else {
            self.should.push(exact(word));
        }
    }

    fn into_query(mut self, sort: Sort) -> Value {
        if sort != Sort::Relevance {
            self.filter.append(&mut self.must);
            self.should.clear();
        }
        json!({"bool": {
            "filter": self.filter,
            "must": self.must,
            "should": self.should,
            "minimum_should_match": 0,
        }})
    }
}

/// The distinct words of the text, without those that are only punctuation.
fn distinct_words(text: &str) -> Vec<Word<'_>> {
    let is_separator = |c: char| !c.is_alphanumeric();
    let mut seen = HashSet::new();
    text.split_whitespace()
        .map(|word| word.split(is_separator).filter(|part| !part.is_empty()).collect::<Word<'_>>())
        .filter(|word| !word.is_empty() && seen.insert(word.join(" ").to_lowercase()))
        .collect()
}

fn exact(word: &Word<'_>) -> Value {
    json!({"match_phrase": {TEXT: word.join(" ")}})
}

/// Matches a part with at most `edits` edits. The `constant_score` rewrite counts as one clause and
/// finds every matching term instead of the best fifty.
fn fuzzy(part: &str, edits: u8) -> Value {
    json!({"match": {TEXT: {"query": part, "fuzziness": edits, "fuzzy_rewrite": "constant_score"}}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::words::MAX_FUZZY_CHARS;

    fn query(text: &str, fuzzy: bool) -> String {
        let query = SearchQuery { text: Some(text.to_owned()), fuzzy, ..SearchQuery::default() };
        body(&query).unwrap().to_string()
    }

    #[test]
    fn a_repeated_word_is_searched_once() {
        assert_eq!(query("a-b c a.B C", false), query("a-b c", false));
    }

    #[test]
    fn long_parts_and_parts_beyond_the_limit_match_exactly() {
        let many: Vec<String> = (100..200).map(|n| n.to_string()).collect();
        let fuzzy = query(&many.join(" "), true);
        assert_eq!(fuzzy.matches("fuzziness").count(), MAX_FUZZY_PARTS);
        assert!(!query(&"a".repeat(MAX_FUZZY_CHARS + 1), true).contains("fuzziness"));
    }

    #[test]
    fn too_many_words_are_rejected() {
        let many: Vec<String> = (0..=512).map(|n| n.to_string()).collect();
        let query = SearchQuery { text: Some(many.join(" ")), ..SearchQuery::default() };
        assert!(body(&query).unwrap_err().contains("512"));
    }
}
