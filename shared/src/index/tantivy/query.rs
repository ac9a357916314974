//! From a question to tantivy's query.
//! Every word of the text is required; what it was cut into is a phrase.

use std::collections::HashSet;
use std::ops::Bound;

use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, FuzzyTermQuery, Occur, PhraseQuery, Query,
    RangeQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{TantivyError, Term};

use super::schema::{Fields, micros, query_analyzer};
use crate::search::{SearchQuery, Sort};

/// The most different words of a query: as many as 1,024 characters hold.
const MAX_WORDS: usize = 512;

/// How many parts of a query are matched fuzzily; each costs a walk through the dictionary.
const MAX_FUZZY_PARTS: usize = 16;

/// The longest part that is matched fuzzily: its automaton takes about 70 kB a character.
const MAX_FUZZY_CHARS: usize = 32;

/// More than words alone can score, so that exact hits come first.
const EXACT_SCORE: f32 = 1000.0;

type Part = Box<dyn Query>;

/// A word of the query: the terms that it was cut into, and their positions.
type Word = Vec<(usize, Term)>;

/// The query that asks tantivy what `query` asks.
pub(super) fn build(fields: &Fields, query: &SearchQuery) -> tantivy::Result<Part> {
    let mut parts: Vec<Part> = Vec::new();
    if let Some(text) = &query.text {
        parts.push(text_query(fields.text, text, query)?);
    }
    if let Some(name) = &query.service_name {
        parts.push(exactly(fields.service_name, name.as_str()));
    }
    if let Some(level) = &query.level {
        parts.push(exactly(fields.level, level.as_str()));
    }
    if query.from.is_some() || query.to.is_some() {
        parts.push(time_range(fields.timestamp, query));
    }
    match parts.pop() {
        None => Ok(Box::new(AllQuery)),
        Some(part) if parts.is_empty() => Ok(part),
        Some(part) => {
            parts.push(part);
            Ok(Box::new(BooleanQuery::intersection(parts)))
        }
    }
}

fn exactly(field: Field, value: &str) -> Part {
    let term = TermQuery::new(Term::from_field_text(field, value), IndexRecordOption::Basic);
    // A filter says nothing about how well a hit matches.
    Box::new(ConstScoreQuery::new(Box::new(term), 0.0))
}

fn time_range(field: Field, query: &SearchQuery) -> Part {
    if query.from.zip(query.to).is_some_and(|(from, to)| from >= to) {
        return Box::new(EmptyQuery);
    }
    let term = |time| Term::from_field_u64(field, micros(time));
    let from = query.from.map_or(Bound::Unbounded, |from| Bound::Included(term(from)));
    let to = query.to.map_or(Bound::Unbounded, |to| Bound::Excluded(term(to)));
    Box::new(RangeQuery::new(from, to))
}

fn text_query(field: Field, text: &str, query: &SearchQuery) -> tantivy::Result<Part> {
    let words = words(field, text);
    if words.is_empty() {
        return Ok(Box::new(EmptyQuery));
    }
    if words.len() > MAX_WORDS {
        let reason = format!("a text of more than {MAX_WORDS} words");
        return Err(TantivyError::InvalidArgument(reason));
    }
    if !query.fuzzy {
        let exact = words.into_iter().map(exact_query).collect();
        return Ok(Box::new(BooleanQuery::intersection(exact)));
    }
    let mut fuzzy_parts = MAX_FUZZY_PARTS;
    let mut clauses: Vec<(Occur, Part)> = Vec::new();
    for word in words {
        for (_, term) in &word {
            let edits = edits(term).filter(|_| fuzzy_parts > 0);
            fuzzy_parts -= usize::from(edits.is_some());
            clauses.push((Occur::Must, part_query(term.clone(), edits)));
        }
        if query.sort == Sort::Relevance {
            let exact = exact_query(word);
            let first = ConstScoreQuery::new(exact.box_clone(), EXACT_SCORE);
            clauses.push((Occur::Should, Box::new(first)));
            clauses.push((Occur::Should, exact));
        }
    }
    Ok(Box::new(BooleanQuery::new(clauses)))
}

/// The different words of the text, without those that are punctuation only.
fn words(field: Field, text: &str) -> Vec<Word> {
    let mut analyzer = query_analyzer();
    let mut cut = |word: &str| {
        let mut terms = Word::new();
        analyzer.token_stream(word).process(&mut |token| {
            terms.push((token.position, Term::from_field_text(field, &token.text)));
        });
        terms
    };
    let mut seen = HashSet::new();
    text.split_whitespace()
        .map(&mut cut)
        .filter(|word| !word.is_empty() && seen.insert(word.clone()))
        .collect()
}

fn exact_query(mut word: Word) -> Part {
    if word.len() > 1 {
        return Box::new(PhraseQuery::new_with_offset(word));
    }
    match word.pop() {
        Some((_, term)) => part_query(term, None),
        None => Box::new(EmptyQuery),
    }
}

fn part_query(term: Term, edits: Option<u8>) -> Part {
    match edits {
        Some(edits) => Box::new(FuzzyTermQuery::new(term, edits, true)),
        None => Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)),
    }
}

/// How many edits a part may differ by.
fn edits(term: &Term) -> Option<u8> {
    let chars = term.value().as_str()?.chars().count();
    match chars {
        3..=5 => Some(1),
        6..=MAX_FUZZY_CHARS => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, fuzzy: bool) -> String {
        let (_, fields) = Fields::with_schema();
        let query = SearchQuery { text: Some(text.to_owned()), fuzzy, ..SearchQuery::default() };
        format!("{:?}", build(&fields, &query))
    }

    #[test]
    fn a_word_that_is_said_twice_is_looked_for_once() {
        assert_eq!(query("a-b c A.B C", false), query("a-b c", false));
    }

    #[test]
    fn only_the_first_parts_and_no_long_ones_are_matched_fuzzily() {
        let many: Vec<String> = (100..200).map(|n| n.to_string()).collect();
        let fuzzy = query(&many.join(" "), true);
        assert_eq!(fuzzy.matches("FuzzyTermQuery").count(), MAX_FUZZY_PARTS);
        assert!(!query(&"a".repeat(MAX_FUZZY_CHARS + 1), true).contains("FuzzyTermQuery"));
    }

    #[test]
    fn too_many_words_are_refused() {
        let many: Vec<String> = (0..=MAX_WORDS).map(|n| n.to_string()).collect();
        assert!(query(&many.join(" "), false).contains("InvalidArgument"));
    }
}
