//! Keeps the entries of each class and day in segments of their own, so that a day of a class is
//! dropped by dropping its segments. A commit adds entries of one part only, and segments are merged
//! only with segments of the same part.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tantivy::index::{SegmentId, SegmentMeta};
use tantivy::indexer::{LogMergePolicy, MergeCandidate, MergePolicy};
use tantivy::schema::Field;
use tantivy::{Searcher, SegmentReader};

use crate::log_entry::Day;
use crate::retention::{Class, Part};

/// Larger segments are not merged again, which bounds the duration of a merge.
const MAX_ENTRIES_BEFORE_MERGE: usize = 500_000;

/// Segments are merged with each other when their sizes differ by less than a factor of four.
const MERGE_LEVEL_BITS: f64 = 2.0;

/// A segment in which more of the entries have been deleted is merged, which frees their space.
const MAX_DELETED_SHARE: f32 = 0.5;

/// The term of a part: its day, then the condition of its class.
pub(super) fn term(part: &Part) -> Vec<u8> {
    let mut term = part.day.to_bytes().to_vec();
    term.extend(part.class.condition().unwrap_or_default().as_bytes());
    term
}

/// The part with this term.
fn part(term: &[u8]) -> Option<Part> {
    let (day, condition) = term.split_first_chunk::<{ Day::BYTES }>()?;
    let class = match std::str::from_utf8(condition).ok()? {
        "" => Class::DEFAULT,
        condition => Class::new(condition)?,
    };
    Some(Part { day: Day::from_bytes(*day), class })
}

/// The part whose entries the segment has.
pub(super) fn of_segment(segment: &SegmentReader, field: Field) -> tantivy::Result<Option<Part>> {
    let inverted_index = segment.inverted_index(field)?;
    let mut terms = inverted_index.terms().stream()?;
    Ok(terms.next().and_then(|(term, _)| part(term)))
}

/// The days of the class that have segments.
pub(super) fn days(
    searcher: &Searcher,
    field: Field,
    class: &Class,
) -> tantivy::Result<BTreeSet<Day>> {
    let mut days = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let part = of_segment(segment, field)?.filter(|part| part.class == *class);
        days.extend(part.map(|part| part.day));
    }
    Ok(days)
}

/// Merges the segments of each part among themselves.
#[derive(Debug, Clone)]
pub(super) struct PartMergePolicy {
    policy: Arc<LogMergePolicy>,
    /// The parts of the segments that a reader has seen. Others are not merged yet.
    known: Arc<Mutex<HashMap<SegmentId, Part>>>,
}

impl Default for PartMergePolicy {
    fn default() -> Self {
        let mut policy = LogMergePolicy::default();
        policy.set_max_docs_before_merge(MAX_ENTRIES_BEFORE_MERGE);
        policy.set_level_log_size(MERGE_LEVEL_BITS);
        policy.set_del_docs_ratio_before_merge(MAX_DELETED_SHARE);
        Self { policy: Arc::new(policy), known: Arc::default() }
    }
}

impl PartMergePolicy {
    /// Learns the parts of the searcher's segments, and forgets those of all others.
    pub(super) fn learn(&self, searcher: &Searcher, field: Field) -> tantivy::Result<()> {
        let mut parts = HashMap::new();
        for segment in searcher.segment_readers() {
            let id = segment.segment_id();
            let known = self.known().get(&id).cloned();
            let part = match known {
                Some(part) => Some(part),
                None => of_segment(segment, field)?,
            };
            parts.extend(part.map(|part| (id, part)));
        }
        *self.known() = parts;
        Ok(())
    }

    /// The parts that have segments.
    pub(super) fn parts(&self) -> BTreeSet<Part> {
        self.known().values().cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SegmentId, Part>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MergePolicy for PartMergePolicy {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let mut by_part = BTreeMap::<Part, Vec<SegmentMeta>>::new();
        for segment in segments {
            if let Some(part) = self.known().get(&segment.id()) {
                by_part.entry(part.clone()).or_default().push(segment.clone());
            }
        }
        let candidates = by_part.values().map(|part| self.policy.compute_merge_candidates(part));
        candidates.flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_contains_the_part() {
        let day = "2026-11-27".parse().unwrap();
        for class in [Class::DEFAULT, Class::new("level:debug").unwrap()] {
            let original = Part { day, class };
            assert_eq!(part(&term(&original)), Some(original));
        }
        assert_eq!(part(b"abc"), None);
    }
}
