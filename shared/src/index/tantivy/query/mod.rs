//! Translates conditions into tantivy queries.
//!
//! Only words and prefixes contribute to the score; every other query scores zero.

mod attribute;
mod excluded;
mod fragment;
pub(super) mod id;
mod ranges;
mod terms;
mod words;

use std::ops::Bound;
use std::sync::Arc;

use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, Query, RangeQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use self::excluded::ExcludedQuery;
use self::fragment::Candidates;
use self::terms::TermsQuery;
use super::checks::Checks;
use super::classify;
use super::keyword;
use super::schema::{Fields, micros};
use crate::error::Result;
use crate::query::{Condition, Keyword, KeywordTest, TimeRange};
use crate::search::Sort;

type Clause = Box<dyn Query>;

/// How to find the hits of a condition.
pub(super) struct Plan {
    /// Finds the entries that are hits if their messages contain the fragments.
    pub(super) query: Clause,
    /// The fragments that the messages of hits must contain. Checking this is expensive.
    pub(super) fragments: Vec<String>,
    /// The checks of messages. If they fail, the hits are incomplete.
    pub(super) checks: Arc<Checks>,
}

/// The index that is searched.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) fields: &'a Fields,
    pub(super) searcher: &'a Searcher,
}

/// Plans how to find the hits of a condition.
///
/// # Errors
/// [`Error::Rejected`](crate::Error::Rejected) when the condition can never be evaluated.
pub(super) fn plan(
    target: Target<'_>,
    sort: Sort,
    condition: &Condition,
    checks: Arc<Checks>,
) -> Result<Plan> {
    check_ranges(target, condition, &checks)?;
    plan_checked(target, sort, condition, checks)
}

/// Plans how to find the hits of a condition whose ranges need no check.
///
/// # Errors
/// [`Error::Rejected`](crate::Error::Rejected) when the condition can never be evaluated.
pub(super) fn plan_checked(
    target: Target<'_>,
    sort: Sort,
    condition: &Condition,
    checks: Arc<Checks>,
) -> Result<Plan> {
    let translation = Translation { target, sort, checks: &checks };
    let required = match condition {
        Condition::All(conditions) => conditions.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut clauses = Vec::new();
    let mut fragments = Vec::new();
    for condition in required {
        match condition {
            Condition::Fragment(fragment) => {
                let candidates = Candidates::of(target, fragment).map_err(classify)?;
                clauses.push((Occur::Must, filter(candidates.query)));
                // The page checks these fragments, because it knows which hits matter.
                fragments.extend(candidates.need_check.then(|| fragment.clone()));
            }
            condition => clauses.push(translation.required(condition)?),
        }
    }
    Ok(Plan { query: all(clauses), fragments, checks })
}

/// Checks that every attribute on which a hit may depend has a column where there is a range on it.
///
/// # Errors
/// [`Error::Rejected`](crate::Error::Rejected) when one does not.
pub(super) fn check_ranges(
    target: Target<'_>,
    condition: &Condition,
    checks: &Arc<Checks>,
) -> Result<()> {
    Translation { target, sort: Sort::Newest, checks }.check_ranges(condition)
}

/// The context for translating a condition and those within it.
struct Translation<'a> {
    target: Target<'a>,
    sort: Sort,
    checks: &'a Arc<Checks>,
}

impl Translation<'_> {
    fn query(&self, condition: &Condition) -> Result<Clause> {
        let fields = self.target.fields;
        Ok(match condition {
            Condition::All(conditions) => {
                let clauses = conditions.iter().map(|condition| self.required(condition));
                all(clauses.collect::<Result<_>>()?)
            }
            Condition::Any(conditions) => {
                let clauses = conditions.iter().map(|condition| self.query(condition));
                any(clauses.collect::<Result<_>>()?)
            }
            Condition::Not(_) => all(vec![self.required(condition)?]),
            Condition::Words(words) => words::query(fields, self.sort, words),
            Condition::Prefix(prefix) => words::prefix(fields, prefix),
            Condition::Fragment(fragment) => filter(self.fragment(fragment)?),
            Condition::Keyword(field, test) => filter(self.keyword(*field, test)),
            Condition::Id(id) => filter(id::query(fields, *id)),
            Condition::ArrivedBefore(time) => filter(id::arrived_before(fields, *time)),
            Condition::Patterns(ids) => {
                let prefixes = ids.iter().map(|id| id.prefix());
                filter(Box::new(TermsQuery::prefixes(fields.pattern, prefixes)))
            }
            Condition::Timestamp(range) => filter(timestamp(fields, *range)),
            Condition::Attribute(attribute) => filter(attribute::query(fields, attribute)),
        })
    }

    /// The condition as a required clause of a boolean query.
    fn required(&self, condition: &Condition) -> Result<(Occur, Clause)> {
        Ok(match condition {
            Condition::Not(excluded) => {
                (Occur::MustNot, Box::new(ExcludedQuery(filter(self.query(excluded)?))))
            }
            condition => (Occur::Must, self.query(condition)?),
        })
    }

    fn fragment(&self, fragment: &str) -> Result<Clause> {
        let candidates = Candidates::of(self.target, fragment).map_err(classify)?;
        if !candidates.need_check {
            return Ok(candidates.query);
        }
        fragment::checked(self.target, candidates.query, fragment, self.checks).map_err(classify)
    }

    fn keyword(&self, field: Keyword, test: &KeywordTest) -> Clause {
        let fields = self.target.fields;
        let (field, is_optional) = match field {
            Keyword::ServiceName => (fields.service_name, false),
            Keyword::Level => (fields.level, false),
            Keyword::TraceId => (fields.trace_id, true),
            Keyword::SpanId => (fields.span_id, true),
        };
        match test {
            KeywordTest::AnyOf(values) => {
                any(values.iter().map(|value| term(field, value.as_bytes())).collect())
            }
            KeywordTest::Prefix(stem) => Box::new(TermsQuery::prefix(&[field], stem.as_bytes())),
            KeywordTest::Exists if is_optional => term(field, keyword::EXISTS),
            KeywordTest::Exists => Box::new(AllQuery),
        }
    }
}

fn timestamp(fields: &Fields, range: TimeRange) -> Clause {
    let term = |time| Term::from_field_u64(fields.timestamp, micros(time));
    match (range.from, range.to) {
        (None, None) => Box::new(AllQuery),
        (Some(from), Some(to)) if from >= to => Box::new(EmptyQuery),
        (from, to) => Box::new(RangeQuery::new(
            from.map_or(Bound::Unbounded, |from| Bound::Included(term(from))),
            to.map_or(Bound::Unbounded, |to| Bound::Excluded(term(to))),
        )),
    }
}

/// Finds entries with an exact term.
fn term(field: Field, term: &[u8]) -> Clause {
    let term = Term::from_field_bytes(field, term);
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

/// Finds entries that meet every clause.
fn all(mut clauses: Vec<(Occur, Clause)>) -> Clause {
    if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
        clauses.push((Occur::Must, filter(Box::new(AllQuery))));
    }
    match clauses.pop() {
        Some((_, clause)) if clauses.is_empty() => clause,
        last => {
            clauses.extend(last);
            Box::new(BooleanQuery::new(clauses))
        }
    }
}

/// Finds entries that meet any of the clauses.
fn any(mut clauses: Vec<Clause>) -> Clause {
    match clauses.pop() {
        None => Box::new(EmptyQuery),
        Some(clause) if clauses.is_empty() => clause,
        last => {
            clauses.extend(last);
            Box::new(BooleanQuery::union(clauses))
        }
    }
}

/// Finds the clause's entries without contributing to their score.
fn filter(clause: Clause) -> Clause {
    Box::new(ConstScoreQuery::new(clause, 0.0))
}
