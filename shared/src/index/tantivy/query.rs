//! Translates a search query into a tantivy query.
//! Every word of the text is required. A word with punctuation is a phrase of its parts.

use std::collections::HashSet;
use std::ops::Bound;

use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, FuzzyTermQuery, Occur, PhraseQuery, Query,
    RangeQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{TantivyError, Term};

use super::schema::{Fields, micros, query_analyzer};
use crate::index::words::{MAX_FUZZY_PARTS, check_count, max_edits};
use crate::log_entry::{Level, ServiceName};
use crate::search::{SearchQuery, Sort};

/// A higher score than words alone can reach, so that exact matches come first.
const EXACT_SCORE: f32 = 1000.0;

type Clause = Box<dyn Query>;

/// A word of the query: the terms of its parts, with their positions.
type Word = Vec<(usize, Term)>;

/// Translates the query.
///
/// # Errors
/// [`TantivyError::InvalidArgument`] when the text has too many words.
pub(super) fn build(fields: &Fields, query: &SearchQuery) -> tantivy::Result<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    if let Some(text) = &query.text {
        clauses.push(text_query(fields.text, text, query)?);
    }
    if !query.service_names.is_empty() {
        let names = query.service_names.iter().map(ServiceName::as_str);
        clauses.push(any_of(fields.service_name, names));
    }
    if !query.levels.is_empty() {
        clauses.push(any_of(fields.level, query.levels.iter().map(Level::as_str)));
    }
    if query.from.is_some() || query.to.is_some() {
        clauses.push(time_range(fields.timestamp, query));
    }
    match clauses.pop() {
        None => Ok(Box::new(AllQuery)),
        Some(clause) if clauses.is_empty() => Ok(clause),
        Some(clause) => {
            clauses.push(clause);
            Ok(Box::new(BooleanQuery::intersection(clauses)))
        }
    }
}

fn any_of<'a>(field: Field, values: impl Iterator<Item = &'a str>) -> Clause {
    let terms = TermSetQuery::new(values.map(|value| Term::from_field_text(field, value)));
    // A filter does not contribute to the score.
    Box::new(ConstScoreQuery::new(Box::new(terms), 0.0))
}

fn time_range(field: Field, query: &SearchQuery) -> Clause {
    if query.from.zip(query.to).is_some_and(|(from, to)| from >= to) {
        return Box::new(EmptyQuery);
    }
    let term = |time| Term::from_field_u64(field, micros(time));
    let from = query.from.map_or(Bound::Unbounded, |from| Bound::Included(term(from)));
    let to = query.to.map_or(Bound::Unbounded, |to| Bound::Excluded(term(to)));
    Box::new(RangeQuery::new(from, to))
}

fn text_query(field: Field, text: &str, query: &SearchQuery) -> tantivy::Result<Clause> {
    let words = distinct_words(field, text);
    if words.is_empty() {
        return Ok(Box::new(EmptyQuery));
    }
    check_count(words.len()).map_err(TantivyError::InvalidArgument)?;
    if !query.fuzzy {
        let exact = words.into_iter().map(exact_query).collect();
        return Ok(Box::new(BooleanQuery::intersection(exact)));
    }
    let mut fuzzy_parts = MAX_FUZZY_PARTS;
    let mut clauses: Vec<(Occur, Clause)> = Vec::new();
    for word in words {
        for (_, term) in &word {
            let edits = term.value().as_str().and_then(max_edits).filter(|_| fuzzy_parts > 0);
            fuzzy_parts -= usize::from(edits.is_some());
            clauses.push((Occur::Must, part_query(term.clone(), edits)));
        }
        if query.sort == Sort::Relevance {
            let exact = exact_query(word);
            let boost = ConstScoreQuery::new(exact.box_clone(), EXACT_SCORE);
            clauses.push((Occur::Should, Box::new(boost)));
            clauses.push((Occur::Should, exact));
        }
    }
    Ok(Box::new(BooleanQuery::new(clauses)))
}

/// The distinct words of the text, without those that are only punctuation.
fn distinct_words(field: Field, text: &str) -> Vec<Word> {
    let mut analyzer = query_analyzer();
    let mut tokenize = |word: &str| {
        let mut terms = Word::new();
        analyzer.token_stream(word).process(&mut |token| {
            terms.push((token.position, Term::from_field_text(field, &token.text)));
        });
        terms
    };
    let mut seen = HashSet::new();
    text.split_whitespace()
        .map(&mut tokenize)
        .filter(|word| !word.is_empty() && seen.insert(word.clone()))
        .collect()
}

fn exact_query(mut word: Word) -> Clause {
    if word.len() > 1 {
        return Box::new(PhraseQuery::new_with_offset(word));
    }
    match word.pop() {
        Some((_, term)) => part_query(term, None),
        None => Box::new(EmptyQuery),
    }
}

fn part_query(term: Term, edits: Option<u8>) -> Clause {
    match edits {
        Some(edits) => Box::new(FuzzyTermQuery::new(term, edits, true)),
        None => Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::words::MAX_FUZZY_CHARS;

    fn query(text: &str, fuzzy: bool) -> String {
        let (_, fields) = Fields::with_schema();
        let query = SearchQuery { text: Some(text.to_owned()), fuzzy, ..SearchQuery::default() };
        format!("{:?}", build(&fields, &query))
    }

    #[test]
    fn a_repeated_word_is_searched_once() {
        assert_eq!(query("a-b c A.B C", false), query("a-b c", false));
    }

    #[test]
    fn long_parts_and_parts_beyond_the_limit_match_exactly() {
        let many: Vec<String> = (100..200).map(|n| n.to_string()).collect();
        let fuzzy = query(&many.join(" "), true);
        assert_eq!(fuzzy.matches("FuzzyTermQuery").count(), MAX_FUZZY_PARTS);
        assert!(!query(&"a".repeat(MAX_FUZZY_CHARS + 1), true).contains("FuzzyTermQuery"));
    }

    #[test]
    fn too_many_words_are_an_invalid_argument() {
        let many: Vec<String> = (0..=512).map(|n| n.to_string()).collect();
        assert!(query(&many.join(" "), false).contains("InvalidArgument"));
    }
}
