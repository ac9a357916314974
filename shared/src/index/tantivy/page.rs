//! Gathers a page of hits: counts them all and keeps the first in the order that is asked for.
//! One way for every order: each hit has a rank, the greatest rank comes first.

use tantivy::collector::TopNComputer;
use tantivy::collector::sort_key::NaturalComparator;
use tantivy::query::{EnableScoring, Query, Weight};
use tantivy::{DocAddress, Searcher};

use super::schema::{Columns, halves, micros};
use crate::search::{Cursor, SearchHits, SearchQuery, Sort};

/// The score's bits (0 when sorted by time), the timestamp, the halves of the id.
type Rank = [u64; 4];

/// A page while it is gathered.
pub(super) struct Page {
    sort: Sort,
    /// Only what ranks below it belongs to the page.
    behind: Option<Rank>,
    first: TopNComputer<Rank, DocAddress, NaturalComparator>,
    /// All hits; segments that can no longer change the answer are left out above the maximum.
    pub(super) total: u64,
}

/// A segment and the best rank that a hit in it may have.
struct Segment {
    best: Rank,
    ordinal: u32,
    columns: Columns,
}

impl Page {
    /// Gathers the page that `query` asks for, and one hit more if there is one.
    pub(super) fn gather(
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
            if !page.can_change(&segment) {
                break;
            }
            page.gather_segment(searcher, weight.as_ref(), &segment)?;
        }
        Ok(page)
    }

    /// Where the hits are, the first one first.
    pub(super) fn into_addresses(self) -> Vec<DocAddress> {
        let sorted = self.first.into_sorted_vec();
        sorted.into_iter().map(|hit| hit.doc).collect()
    }

    fn new(query: &SearchQuery) -> Self {
        let mut page = Self {
            sort: query.sort,
            behind: None,
            first: TopNComputer::new_with_comparator(query.limit + 1, NaturalComparator),
            total: 0,
        };
        page.behind = query.cursor.map(|Cursor { timestamp, id }| {
            let (high, low) = halves(id);
            [0, page.order(micros(timestamp)), page.order(high), page.order(low)]
        });
        page
    }

    /// Turns the order round for the oldest first.
    fn order(&self, value: u64) -> u64 {
        match self.sort {
            Sort::Newest | Sort::Relevance => value,
            Sort::Oldest => !value,
        }
    }

    /// The segments, the one with the best ranks first.
    fn segments(&self, searcher: &Searcher) -> tantivy::Result<Vec<Segment>> {
        let mut segments = Vec::new();
        for (ordinal, reader) in (0..).zip(searcher.segment_readers()) {
            let columns = Columns::of(reader)?;
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

    /// Whether hits in the segment may change the page or the total that is told.
    fn can_change(&self, segment: &Segment) -> bool {
        let is_counted = self.total > SearchHits::MAX_TOTAL;
        let is_full = self.first.threshold.is_some_and(|last| segment.best < last);
        !(is_counted && is_full)
    }

    fn gather_segment(
        &mut self,
        searcher: &Searcher,
        weight: &dyn Weight,
        segment: &Segment,
    ) -> tantivy::Result<()> {
        // Nothing is ever deleted from the index, so every match is a hit.
        let reader = searcher.segment_reader(segment.ordinal);
        if self.sort == Sort::Relevance {
            return weight.for_each(reader, &mut |doc, score| {
                self.take(segment, doc, u64::from(score.to_bits()));
            });
        }
        weight.for_each_no_score(reader, &mut |docs| {
            for doc in docs {
                self.take(segment, *doc, 0);
            }
        })
    }

    /// Counts a hit, and keeps it if it may be on the page. A score's bits are in its own order,
    /// for none is negative.
    fn take(&mut self, segment: &Segment, doc: u32, score: u64) {
        self.total += 1;
        let time = self.order(segment.columns.timestamp(doc));
        // Most hits end here, before their id is read.
        if self.first.threshold.is_some_and(|last| [score, time] < [last[0], last[1]]) {
            return;
        }
        let (high, low) = segment.columns.id(doc);
        let rank = [score, time, self.order(high), self.order(low)];
        if self.behind.is_none_or(|cursor| rank < cursor) {
            self.first.push(rank, DocAddress::new(segment.ordinal, doc));
        }
    }
}
