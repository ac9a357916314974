//! From a question to OpenSearch's query.
//! Every word of the text is required; what it was cut into is a phrase.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::document::{ID, LEVEL, NOT_READ, SERVICE_NAME, TEXT, TIMESTAMP_MICROS};
use crate::error::Source;
use crate::search::{SearchHits, SearchQuery, Sort};

/// The most different words of a query: as many as 1,024 characters hold.
const MAX_WORDS: usize = 512;

/// How many parts of a query are matched fuzzily; each costs a walk through the dictionary.
const MAX_FUZZY_PARTS: usize = 16;

/// The longest part that is matched fuzzily: its automaton grows with every character.
const MAX_FUZZY_CHARS: usize = 32;

/// A word of the query: the letters and digits side by side that it consists of.
type Word<'a> = Vec<&'a str>;

/// The body of the request that asks OpenSearch what `query` asks: a page and one hit more.
pub(super) fn body(query: &SearchQuery) -> Result<Value, Source> {
    let mut body = json!({
        "query": clauses(query)?,
        "sort": sort(query.sort),
        "size": query.limit + 1,
        "track_total_hits": SearchHits::MAX_TOTAL + 1,
        "_source": {"excludes": NOT_READ},
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

/// What must hold for a hit, and which of it says how well the hit matches.
#[derive(Default)]
struct Clauses {
    filter: Vec<Value>,
    must: Vec<Value>,
    should: Vec<Value>,
}

fn clauses(query: &SearchQuery) -> Result<Value, Source> {
    let mut clauses = Clauses::default();
    if let Some(text) = &query.text {
        clauses.require_text(text, query.fuzzy)?;
    }
    if let Some(name) = &query.service_name {
        clauses.filter.push(json!({"term": {SERVICE_NAME: name}}));
    }
    if let Some(level) = &query.level {
        clauses.filter.push(json!({"term": {LEVEL: level}}));
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
    fn require_text(&mut self, text: &str, fuzzy: bool) -> Result<(), Source> {
        let words = words(text);
        if words.is_empty() {
            self.filter.push(json!({"match_none": {}}));
        }
        if words.len() > MAX_WORDS {
            return Err(format!("a text of more than {MAX_WORDS} words").into());
        }
        let mut fuzzy_parts = if fuzzy { MAX_FUZZY_PARTS } else { 0 };
        for word in words {
            if fuzzy {
                self.require_fuzzily(&word, &mut fuzzy_parts);
            } else {
                self.must.push(exactly(&word));
            }
        }
        Ok(())
    }

    /// Requires the parts of a word anywhere, and prefers the word itself: only exact hits have a
    /// score, so they come first by relevance.
    fn require_fuzzily(&mut self, word: &Word<'_>, fuzzy_parts: &mut usize) {
        let mut is_exact = word.len() == 1;
        for part in word {
            let edits = edits(part).filter(|_| *fuzzy_parts > 0);
            *fuzzy_parts -= usize::from(edits.is_some());
            is_exact &= edits.is_none();
            self.filter.push(match edits {
                Some(edits) => nearly(part, edits),
                None => exactly(&vec![*part]),
            });
        }
        if is_exact {
            // OpenSearch counts clauses: what must hold exactly is said once.
            self.filter.pop();
            self.must.push(exactly(word));
        } else {
            self.should.push(exactly(word));
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

/// The different words of the text, without those that are punctuation only.
fn words(text: &str) -> Vec<Word<'_>> {
    let is_no_word = |c: char| !c.is_alphanumeric();
    let mut seen = HashSet::new();
    text.split_whitespace()
        .map(|word| word.split(is_no_word).filter(|part| !part.is_empty()).collect::<Word<'_>>())
        .filter(|word| !word.is_empty() && seen.insert(word.join(" ").to_lowercase()))
        .collect()
}

fn exactly(word: &Word<'_>) -> Value {
    json!({"match_phrase": {TEXT: word.join(" ")}})
}

/// A part with so many edits. Rewritten so, it counts as one clause and finds all that fit, not
/// the first fifty.
fn nearly(part: &str, edits: u8) -> Value {
    json!({"match": {TEXT: {"query": part, "fuzziness": edits, "fuzzy_rewrite": "constant_score"}}})
}

/// How many edits a part may differ by.
fn edits(part: &str) -> Option<u8> {
    match part.chars().count() {
        3..=5 => Some(1),
        6..=MAX_FUZZY_CHARS => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, fuzzy: bool) -> String {
        let query = SearchQuery { text: Some(text.to_owned()), fuzzy, ..SearchQuery::default() };
        body(&query).unwrap().to_string()
    }

    #[test]
    fn a_word_that_is_said_twice_is_looked_for_once() {
        assert_eq!(query("a-b c a.B C", false), query("a-b c", false));
    }

    #[test]
    fn only_the_first_parts_and_no_long_ones_are_matched_fuzzily() {
        let many: Vec<String> = (100..200).map(|n| n.to_string()).collect();
        let fuzzy = query(&many.join(" "), true);
        assert_eq!(fuzzy.matches("fuzziness").count(), MAX_FUZZY_PARTS);
        assert!(!query(&"a".repeat(MAX_FUZZY_CHARS + 1), true).contains("fuzziness"));
    }

    #[test]
    fn too_many_words_are_refused() {
        let many: Vec<String> = (0..=MAX_WORDS).map(|n| n.to_string()).collect();
        let query = SearchQuery { text: Some(many.join(" ")), ..SearchQuery::default() };
        assert!(body(&query).unwrap_err().to_string().contains("512"));
    }
}
