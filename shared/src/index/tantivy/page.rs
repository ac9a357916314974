//! Collects a page of hits: counts all of them and keeps the first ones in the requested order.
//! Every sort order uses the same ranks: the hit with the greatest rank comes first.

use std::cmp::Reverse;

use tantivy::collector::TopNComputer;
use tantivy::collector::sort_key::NaturalComparator;
use tantivy::query::{EnableScoring, Weight};
use tantivy::{DocAddress, DocId, Searcher, SegmentReader};

use super::alive;
use super::messages::Messages;
use super::query::{Plan, Target};
use super::schema::{Columns, id_halves, micros};
use crate::search::{Cursor, SearchHits, SearchQuery, Sort};

/// The score's bits (0 when sorted by time), the timestamp and the halves of the id. The timestamp
/// and id are inverted when the oldest hits come first.
type Rank = [u64; 4];

/// A page that is being collected.
pub(super) struct Page {
    sort: Sort,
    /// Only ranks below this one belong to the page.
    after: Option<Rank>,
    top: TopNComputer<Rank, DocAddress, NaturalComparator>,
    /// The number of hits. Above the maximum, hits that cannot change the page are skipped.
    pub(super) total: u64,
}

/// A segment, and the best and the worst possible rank of its hits.
struct Segment<'a> {
    best: Rank,
    worst: Rank,
    ordinal: u32,
    reader: &'a SegmentReader,
    columns: Columns,
}

impl Page {
    /// Collects the page that `query` asks for, and one more hit if there is one.
    pub(super) fn collect(
        target: Target<'_>,
        plan: &Plan,
        query: &SearchQuery,
    ) -> tantivy::Result<Self> {
        let scoring = match query.sort {
            Sort::Relevance => EnableScoring::enabled_from_searcher(target.searcher),
            Sort::Newest | Sort::Oldest => EnableScoring::disabled_from_searcher(target.searcher),
        };
        let weight = plan.query.weight(scoring)?;
        let mut page = Self::new(query);
        for segment in page.segments(target.searcher)? {
            if !page.may_change(segment.best) {
                break;
            }
            if page.is_counted() && page.after.is_some_and(|cursor| segment.worst > cursor) {
                // All hits of the segment are on earlier pages.
                continue;
            }
            if plan.fragments.is_empty() {
                page.collect_hits(weight.as_ref(), &segment)?;
            } else {
                let checks = plan.checks.clone();
                let messages = Messages::open(segment.reader, target.fields.entry, checks)?;
                let is_hit = |doc| messages.contains_all(doc, &plan.fragments);
                page.collect_checked(weight.as_ref(), &segment, is_hit)?;
            }
        }
        Ok(page)
    }

    /// The addresses of the hits, in order.
    pub(super) fn into_addresses(self) -> Vec<DocAddress> {
        let sorted = self.top.into_sorted_vec();
        sorted.into_iter().map(|hit| hit.doc).collect()
    }

    fn new(query: &SearchQuery) -> Self {
        let mut page = Self {
            sort: query.sort,
            after: None,
            top: TopNComputer::new_with_comparator(query.limit + 1, NaturalComparator),
            total: 0,
        };
        page.after = query.cursor.map(|Cursor { timestamp, id }| {
            let (high, low) = id_halves(id);
            [0, page.order(micros(timestamp)), page.order(high), page.order(low)]
        });
        page
    }

    /// Inverts the order of a value when the oldest hits come first.
    fn order(&self, value: u64) -> u64 {
        match self.sort {
            Sort::Newest | Sort::Relevance => value,
            Sort::Oldest => !value,
        }
    }

    /// The segments, those with the best possible ranks first.
    fn segments<'a>(&self, searcher: &'a Searcher) -> tantivy::Result<Vec<Segment<'a>>> {
        let mut segments = Vec::new();
        for (ordinal, reader) in (0..).zip(searcher.segment_readers()) {
            let columns = Columns::open(reader)?;
            let (earliest, latest) = columns.timestamps();
            let (best, worst) = match self.sort {
                Sort::Newest => ([0, latest, u64::MAX, u64::MAX], [0, earliest, 0, 0]),
                Sort::Oldest => ([0, !earliest, u64::MAX, u64::MAX], [0, !latest, 0, 0]),
                Sort::Relevance => ([u64::MAX; 4], [0; 4]),
            };
            segments.push(Segment { best, worst, ordinal, reader, columns });
        }
        segments.sort_unstable_by_key(|segment| Reverse(segment.best));
        Ok(segments)
    }

    /// Whether hits of at most this rank may change the page or the reported total.
    fn may_change(&self, best: Rank) -> bool {
        let is_full = self.top.threshold.is_some_and(|last| best < last);
        !(self.is_counted() && is_full)
    }

    /// Whether further hits no longer change the reported total.
    fn is_counted(&self) -> bool {
        self.total > SearchHits::MAX_TOTAL
    }

    /// Collects a segment in which every match is a hit.
    fn collect_hits(&mut self, weight: &dyn Weight, segment: &Segment<'_>) -> tantivy::Result<()> {
        for_each(self.sort, weight, segment.reader, &mut |doc, score| {
            self.total += 1;
            if let Some(rank) = self.rank(segment, doc, score) {
                self.top.push(rank, DocAddress::new(segment.ordinal, doc));
            }
        })
    }

    /// Collects a segment in which a match is a hit only if `is_hit` returns true. While hits are
    /// being counted, matches are checked in segment order, which is fastest. The rest are checked
    /// from the best rank down, until none of them can be on the page.
    fn collect_checked(
        &mut self,
        weight: &dyn Weight,
        segment: &Segment<'_>,
        is_hit: impl Fn(DocId) -> bool,
    ) -> tantivy::Result<()> {
        let mut unchecked = Vec::new();
        for_each(self.sort, weight, segment.reader, &mut |doc, score| {
            if !self.is_counted() {
                self.check(segment, doc, score, &is_hit);
            } else if let Some(rank) = self.rank(segment, doc, score) {
                unchecked.push((rank[0], rank[1], doc));
            }
        })?;
        unchecked.sort_unstable_by_key(|(score, time, doc)| Reverse((*score, *time, *doc)));
        for (score, time, doc) in unchecked {
            if !self.may_change([score, time, u64::MAX, u64::MAX]) {
                break;
            }
            self.check(segment, doc, score, &is_hit);
        }
        Ok(())
    }

    /// If a match is a hit, counts it, and keeps it if it may be on the page.
    fn check(
        &mut self,
        segment: &Segment<'_>,
        doc: DocId,
        score: u64,
        is_hit: impl Fn(DocId) -> bool,
    ) {
        if is_hit(doc) {
            self.total += 1;
            if let Some(rank) = self.rank(segment, doc, score) {
                self.top.push(rank, DocAddress::new(segment.ordinal, doc));
            }
        }
    }

    /// The rank of a hit, if it may be on the page.
    fn rank(&self, segment: &Segment<'_>, doc: DocId, score: u64) -> Option<Rank> {
        let time = self.order(segment.columns.timestamp(doc));
        // Rules out most hits before their id is read.
        if self.top.threshold.is_some_and(|last| [score, time] < [last[0], last[1]]) {
            return None;
        }
        let (high, low) = segment.columns.id(doc);
        let rank = [score, time, self.order(high), self.order(low)];
        self.after.is_none_or(|cursor| rank < cursor).then_some(rank)
    }
}

/// Calls `on_match` with the matches in a segment, in order, and the bits of their scores. Scores
/// are never negative, so their bits sort like the scores.
fn for_each(
    sort: Sort,
    weight: &dyn Weight,
    segment: &SegmentReader,
    on_match: &mut dyn FnMut(DocId, u64),
) -> tantivy::Result<()> {
    if sort == Sort::Relevance {
        let on_match = |doc, score: f32| on_match(doc, u64::from(score.to_bits()));
        return alive::for_each_scored(weight, segment, on_match);
    }
    alive::for_each(weight, segment, |docs| {
        for doc in docs {
            on_match(*doc, 0);
        }
    })
}
