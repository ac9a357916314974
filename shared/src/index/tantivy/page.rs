//! Collects a page of hits: counts all of them and keeps the first ones in the requested order.
//! Every sort order uses the same ranks: the hit with the greatest rank comes first.

use tantivy::collector::TopNComputer;
use tantivy::collector::sort_key::NaturalComparator;
use tantivy::query::{EnableScoring, Query, Weight};
use tantivy::{DocAddress, Searcher};

use super::schema::{Columns, id_halves, micros};
use crate::search::{Cursor, SearchHits, SearchQuery, Sort};

/// The score's bits (0 when sorted by time), the timestamp, the halves of the id.
type Rank = [u64; 4];

/// A page that is being collected.
pub(super) struct Page {
    sort: Sort,
    /// Only ranks below this one belong to the page.
    after: Option<Rank>,
    top: TopNComputer<Rank, DocAddress, NaturalComparator>,
    /// The number of hits. Above the maximum, segments that cannot change the page are skipped.
    pub(super) total: u64,
}

/// A segment and the best rank that one of its hits can have.
struct Segment {
    best: Rank,
    ordinal: u32,
    columns: Columns,
}

impl Page {
    /// Collects the page that `query` asks for, and one more hit if there is one.
    pub(super) fn collect(
        searcher: &Searcher,
        tantivy_query: &dyn Query,
        query: &SearchQuery,
    ) -> tantivy::Result<Self> {
        let scoring = match query.sort {
            Sort::Relevance => EnableScoring::enabled_from_searcher(searcher),
            Sort::Newest | Sort::Oldest => EnableScoring::disabled_from_searcher(searcher),
        };
        let weight = tantivy_query.weight(scoring)?;
        let mut page = Self::new(query);
        for segment in page.segments(searcher)? {
            if !page.may_change(&segment) {
                break;
            }
            page.collect_segment(searcher, weight.as_ref(), &segment)?;
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

    /// The segments, those with the best ranks first.
    fn segments(&self, searcher: &Searcher) -> tantivy::Result<Vec<Segment>> {
        let mut segments = Vec::new();
        for (ordinal, reader) in (0..).zip(searcher.segment_readers()) {
            let columns = Columns::open(reader)?;
            let (earliest, latest) = columns.timestamps();
            let best = match self.sort {
                Sort::Newest => [0, latest, u64::MAX, u64::MAX],
                Sort::Oldest => [0, !earliest, u64::MAX, u64::MAX],
                Sort::Relevance => [u64::MAX; 4],
            };
            segments.push(Segment { best, ordinal, columns });
        }
        segments.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.best));
        Ok(segments)
    }

    /// Whether the segment may change the page or the reported total.
    fn may_change(&self, segment: &Segment) -> bool {
        let is_counted = self.total > SearchHits::MAX_TOTAL;
        let is_full = self.top.threshold.is_some_and(|last| segment.best < last);
        !(is_counted && is_full)
    }

    fn collect_segment(
        &mut self,
        searcher: &Searcher,
        weight: &dyn Weight,
        segment: &Segment,
    ) -> tantivy::Result<()> {
        // Documents are never deleted from the index, so every match is a hit.
        let reader = searcher.segment_reader(segment.ordinal);
        if self.sort == Sort::Relevance {
            return weight.for_each(reader, &mut |doc, score| {
                self.push(segment, doc, u64::from(score.to_bits()));
            });
        }
        weight.for_each_no_score(reader, &mut |docs| {
            for doc in docs {
                self.push(segment, *doc, 0);
            }
        })
    }

    /// Counts a hit, and keeps it if it may be on the page. Scores are never negative, so their
    /// bits sort like the scores.
    fn push(&mut self, segment: &Segment, doc: u32, score: u64) {
        self.total += 1;
        let time = self.order(segment.columns.timestamp(doc));
        // Rules out most hits before their id is read.
        if self.top.threshold.is_some_and(|last| [score, time] < [last[0], last[1]]) {
            return;
        }
        let (high, low) = segment.columns.id(doc);
        let rank = [score, time, self.order(high), self.order(low)];
        if self.after.is_none_or(|cursor| rank < cursor) {
            self.top.push(rank, DocAddress::new(segment.ordinal, doc));
        }
    }
}
