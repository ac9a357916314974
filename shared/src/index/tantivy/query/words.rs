//! Finds entries by words.

use tantivy::Term;
use tantivy::query::{
    BooleanQuery, ConstScoreQuery, FuzzyTermQuery, Occur, PhraseQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::terms::TermsQuery;
use super::{Clause, any};
use crate::index::tantivy::schema::Fields;
use crate::query::{FuzzyRun, Prefix, Scope, Words};
use crate::search::Sort;

/// A higher score than words alone can reach, so that exact matches come first.
const EXACT_SCORE: f32 = 1000.0;

pub(super) fn query(fields: &Fields, sort: Sort, words: &Words) -> Clause {
    let scope = scope(fields, words.scope);
    if !words.is_fuzzy() {
        return exact(scope, &words.runs);
    }
    let required = words.runs.iter().map(|run| (Occur::Must, fuzzy(scope, run)));
    let mut clauses: Vec<(Occur, Clause)> = required.collect();
    if sort == Sort::Relevance {
        let boost = ConstScoreQuery::new(exact(scope, &words.runs), EXACT_SCORE);
        clauses.push((Occur::Should, Box::new(boost)));
        clauses.push((Occur::Should, exact(scope, &words.runs)));
    }
    Box::new(BooleanQuery::new(clauses))
}

pub(super) fn prefix(fields: &Fields, prefix: &Prefix) -> Clause {
    Box::new(TermsQuery::prefix(scope(fields, prefix.scope), prefix.text.as_bytes()))
}

/// The fields with the words of a scope.
fn scope(fields: &Fields, scope: Scope) -> &[Field] {
    match scope {
        Scope::Entry => &fields.words,
        Scope::Message => &fields.words[..1],
    }
}

/// The runs, one after the other in one text.
fn exact(scope: &[Field], runs: &[FuzzyRun]) -> Clause {
    any(scope.iter().map(|field| exact_in(*field, runs)).collect())
}

fn exact_in(field: Field, runs: &[FuzzyRun]) -> Clause {
    if let [run] = runs {
        return term(field, run);
    }
    let terms = runs.iter().map(|run| Term::from_field_text(field, &run.text));
    Box::new(PhraseQuery::new(terms.collect()))
}

/// The run with at most `max_edits` edits, anywhere in the scope.
fn fuzzy(scope: &[Field], run: &FuzzyRun) -> Clause {
    let in_field = |field: &Field| -> Clause {
        if run.max_edits == 0 {
            return term(*field, run);
        }
        let term = Term::from_field_text(*field, &run.text);
        Box::new(FuzzyTermQuery::new(term, run.max_edits, true))
    };
    any(scope.iter().map(in_field).collect())
}

fn term(field: Field, run: &FuzzyRun) -> Clause {
    let term = Term::from_field_text(field, &run.text);
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}
