//! Wraps a query so that it can be excluded.
//!
//! tantivy asks an excluded scorer for documents before its current one. tantivy's phrase scorer
//! does not support this: an assertion fails in debug builds.

use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SeekDangerResult, SegmentReader};

use super::Clause;

/// Finds the clause's entries so that they can be excluded.
#[derive(Debug)]
pub(super) struct ExcludedQuery(pub(super) Clause);

struct ExcludedWeight(Box<dyn Weight>);

struct ExcludedScorer {
    scorer: Box<dyn Scorer>,
    /// The scorer finds no document from the last target until just before this one.
    lower_bound: DocId,
}

impl Clone for ExcludedQuery {
    fn clone(&self) -> Self {
        Self(self.0.box_clone())
    }
}

impl Query for ExcludedQuery {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(ExcludedWeight(self.0.weight(scoring)?)))
    }
}

impl Weight for ExcludedWeight {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let scorer = self.0.scorer(segment, boost)?;
        let lower_bound = scorer.doc();
        Ok(Box::new(ExcludedScorer { scorer, lower_bound }))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.0.explain(segment, doc)
    }
}

impl DocSet for ExcludedScorer {
    fn advance(&mut self) -> DocId {
        self.scorer.advance()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.scorer.seek(target)
    }

    fn seek_danger(&mut self, target: DocId) -> SeekDangerResult {
        if target < self.lower_bound {
            return SeekDangerResult::SeekLowerBound(self.lower_bound);
        }
        let result = self.scorer.seek_danger(target);
        if let SeekDangerResult::SeekLowerBound(lower_bound) = result {
            self.lower_bound = lower_bound;
        }
        result
    }

    fn doc(&self) -> DocId {
        self.scorer.doc()
    }

    fn size_hint(&self) -> u32 {
        self.scorer.size_hint()
    }

    fn cost(&self) -> u64 {
        self.scorer.cost()
    }
}

impl Scorer for ExcludedScorer {
    fn score(&mut self) -> Score {
        self.scorer.score()
    }
}
