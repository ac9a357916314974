//! Finds entries whose message contains a fragment. The fragment's pieces find candidates, whose
//! messages are then checked.

use std::fmt;
use std::sync::Arc;

use tantivy::query::doc_predicate_query::{
    ConstOrVariableSegmentPredicate, DocPredicate, DocPredicateQuery, SegmentDocPredicate,
};
use tantivy::query::{EnableScoring, Occur, TermQuery, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, SegmentReader, Term};

use super::terms::TermsQuery;
use super::{Clause, Target, all, any};
use crate::index::tantivy::checks::Checks;
use crate::index::tantivy::messages::Messages;
use crate::index::tantivy::pieces::{Part, Pieces};

/// The number of the fragment's terms, the rarest ones, that candidates must have.
const MAX_TERMS: usize = 4;

/// With at most this many candidates, checking them is faster than narrowing them by parts of
/// words.
const FEW_CANDIDATES: u64 = 5_000;

/// The same limit for short parts, which occur in so many words that they hardly narrow the
/// candidates.
const FEW_CANDIDATES_OF_SHORT_PARTS: u64 = 100_000;

/// Parts with fewer bytes are short.
const MIN_PART_BYTES: usize = 3;

/// The cost of checking a candidate, relative to finding it.
const CHECK_COST: u64 = 1000;

/// The candidates for a fragment.
pub(super) struct Candidates {
    /// Finds all entries whose message contains the fragment, and possibly others.
    pub(super) query: Clause,
    /// Whether it may find others, so that messages must be checked.
    pub(super) need_check: bool,
}

impl Candidates {
    pub(super) fn of(target: Target<'_>, fragment: &str) -> tantivy::Result<Self> {
        let pieces = Pieces::of(fragment);
        let need_check = !pieces.are_decisive;
        let mut terms = Vec::new();
        for term in &pieces.terms {
            terms.push((frequency(target, term)?, *term));
        }
        terms.sort_unstable();
        terms.truncate(MAX_TERMS);
        let least = terms.first().map(|(frequency, _)| *frequency);
        let mut clauses: Vec<(Occur, Clause)> = Vec::new();
        for (_, term) in terms {
            let in_field = |field| -> Clause {
                let term = Term::from_field_text(field, term);
                Box::new(TermQuery::new(term, IndexRecordOption::Basic))
            };
            clauses.push((Occur::Must, any(target.fields.listed().map(in_field).into())));
        }
        let is_short = |part: &Part<'_>| part.text().len() < MIN_PART_BYTES;
        let all_are_short = pieces.parts.iter().all(is_short);
        let few = if all_are_short { FEW_CANDIDATES_OF_SHORT_PARTS } else { FEW_CANDIDATES };
        if least.is_none_or(|least| least > few) {
            for part in pieces.parts.iter().filter(|part| all_are_short || !is_short(part)) {
                clauses.push((Occur::Must, Box::new(TermsQuery::part(target.fields, *part))));
            }
        }
        Ok(Self { query: all(clauses), need_check })
    }
}

fn frequency(target: Target<'_>, term: &str) -> tantivy::Result<u64> {
    let mut frequency = 0;
    for field in target.fields.listed() {
        frequency += target.searcher.doc_freq(&Term::from_field_text(field, term))?;
    }
    Ok(frequency)
}

/// Finds those candidates whose message contains the fragment.
pub(super) fn checked(
    target: Target<'_>,
    candidates: Clause,
    fragment: &str,
    checks: &Arc<Checks>,
) -> tantivy::Result<Clause> {
    let candidates = candidates.weight(EnableScoring::disabled_from_searcher(target.searcher))?;
    Ok(Box::new(DocPredicateQuery::from(Contains {
        candidates,
        fragment: Arc::from([fragment.to_owned()]),
        entry: target.fields.entry,
        checks: checks.clone(),
    })))
}

/// Matches entries whose message contains the fragment.
struct Contains {
    candidates: Box<dyn Weight>,
    fragment: Arc<[String]>,
    entry: Field,
    checks: Arc<Checks>,
}

/// The predicate for one segment.
struct SegmentContains {
    messages: Messages,
    fragment: Arc<[String]>,
}

impl fmt::Debug for Contains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contains").field(&self.fragment).finish()
    }
}

impl DocPredicate for Contains {
    type SegmentDocPredicate = SegmentContains;

    fn doc_predicate(
        &self,
        segment: &SegmentReader,
    ) -> tantivy::Result<ConstOrVariableSegmentPredicate<SegmentContains>> {
        Ok(ConstOrVariableSegmentPredicate::Variable {
            predicate: SegmentContains {
                messages: Messages::open(segment, self.entry, self.checks.clone())?,
                fragment: self.fragment.clone(),
            },
            necessary_condition: self.candidates.scorer(segment, 1.0)?,
        })
    }
}

impl SegmentDocPredicate for SegmentContains {
    fn eval(&mut self, doc: DocId) -> bool {
        self.messages.contains_all(doc, &self.fragment)
    }

    fn cost(&self) -> u64 {
        CHECK_COST
    }
}
