//! Computes aggregations from columns, one segment after the other.

mod histogram;
mod top;
mod values;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use tantivy::query::{EnableScoring, Weight};
use tantivy::{DocId, SegmentReader};

use self::histogram::HistogramBuilder;
use self::top::TopCounter;
use super::checks::Checks;
use super::messages::Messages;
use super::query::{Plan, Target, check_ranges, plan};
use super::schema::Columns;
use super::{classify, entry};
use crate::aggregation::{Aggregates, Aggregation};
use crate::error::Result;
use crate::log_entry::Timestamp;
use crate::query::Condition;
use crate::search::Sort;

/// Computes the results.
///
/// # Errors
/// [`Error::Rejected`](crate::Error::Rejected) when they can never be computed.
pub(super) fn aggregate(
    target: Target<'_>,
    aggregation: &Aggregation,
    checks: Checks,
) -> Result<Aggregates> {
    let checks = Arc::new(checks);
    check_ranges(target, &aggregation.condition_on_columns(), &checks)?;
    let hits = Matcher::new(target, &aggregation.condition, &checks)?;
    let groups = aggregation.histogram.iter().flat_map(|histogram| &histogram.groups);
    let groups = groups.map(|condition| Matcher::new(target, condition, &checks));
    let groups = groups.collect::<Result<Vec<Matcher>>>()?;
    let step = match aggregation.sample {
        Some(sample) => hits.count(target).map_err(classify)?.div_ceil(sample).max(1),
        None => 1,
    };
    let mut builder = Builder::new(target, aggregation, step).map_err(classify)?;
    for segment in (0..).zip(target.searcher.segment_readers()) {
        builder.add_segment(segment, &hits, &groups).map_err(classify)?;
        checks.result()?;
    }
    builder.finish()
}

/// Finds the entries that meet a condition.
struct Matcher {
    plan: Plan,
    weight: Box<dyn Weight>,
}

impl Matcher {
    fn new(target: Target<'_>, condition: &Condition, checks: &Arc<Checks>) -> Result<Self> {
        let plan = plan(target, Sort::Newest, condition, checks.clone())?;
        let scoring = EnableScoring::disabled_from_searcher(target.searcher);
        let weight = plan.query.weight(scoring).map_err(classify)?;
        Ok(Self { plan, weight })
    }

    /// The number of entries; of those whose messages must be checked, an upper bound.
    fn count(&self, target: Target<'_>) -> tantivy::Result<u64> {
        let segments = target.searcher.segment_readers().iter();
        segments.map(|segment| self.weight.count(segment).map(u64::from)).sum()
    }

    /// The entries in a segment, in ascending order.
    fn docs(&self, target: Target<'_>, segment: &SegmentReader) -> tantivy::Result<Vec<DocId>> {
        let mut docs = Vec::new();
        self.weight.for_each_no_score(segment, &mut |block| docs.extend_from_slice(block))?;
        if !self.plan.fragments.is_empty() {
            let checks = self.plan.checks.clone();
            let messages = Messages::open(segment, target.fields.entry, checks)?;
            docs.retain(|doc| messages.contains_all(*doc, &self.plan.fragments));
        }
        Ok(docs)
    }
}

/// The results of the segments so far.
struct Builder<'a> {
    target: Target<'a>,
    /// The values of fields are counted in one of this number of entries.
    step: u64,
    total: u64,
    examined: u64,
    /// The earliest and the latest timestamp.
    time: Option<(u64, u64)>,
    top: Vec<TopCounter<'a>>,
    histogram: Option<HistogramBuilder<'a>>,
}

impl<'a> Builder<'a> {
    fn new(target: Target<'a>, aggregation: &'a Aggregation, step: u64) -> tantivy::Result<Self> {
        let histogram = aggregation.histogram.as_ref().map(HistogramBuilder::new);
        Ok(Self {
            target,
            step,
            total: 0,
            examined: 0,
            time: None,
            top: aggregation.top.iter().map(TopCounter::new).collect(),
            histogram: histogram.transpose()?,
        })
    }

    fn add_segment(
        &mut self,
        (ordinal, segment): (u32, &SegmentReader),
        hits: &Matcher,
        groups: &[Matcher],
    ) -> tantivy::Result<()> {
        let docs = hits.docs(self.target, segment)?;
        let columns = Columns::open(segment)?;
        self.total += docs.len() as u64;
        for time in docs.iter().map(|doc| columns.timestamp(*doc)) {
            let (earliest, latest) = self.time.unwrap_or((time, time));
            self.time = Some((earliest.min(time), latest.max(time)));
        }
        let examined = sample(&docs, self.step);
        self.examined += examined.len() as u64;
        for top in &mut self.top {
            top.add_segment(self.target.fields, segment, &examined)?;
        }
        if let Some(histogram) = &mut self.histogram {
            let mut segment = histogram.open(self.target.fields, (ordinal, segment), columns)?;
            if groups.is_empty() {
                segment.add(0, &docs);
            }
            for (position, group) in groups.iter().enumerate() {
                let group = group.docs(self.target, segment.reader)?;
                let are_all_hits = docs.len() == segment.reader.max_doc() as usize;
                let docs = if are_all_hits { group } else { intersection(&docs, &group) };
                segment.add(position, &docs);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Aggregates> {
        let load = |address| entry(self.target, address).map(|(entry, _)| entry);
        let series = self.histogram.map(|histogram| histogram.finish(load)).transpose()?;
        Ok(Aggregates {
            total: self.total,
            examined: self.examined,
            time: self.time.map(timestamps),
            top: self.top.into_iter().map(TopCounter::finish).collect(),
            series: series.unwrap_or_default(),
            is_rebuilding: false,
        })
    }
}

/// The earliest and the latest timestamp.
fn timestamps((earliest, latest): (u64, u64)) -> (Timestamp, Timestamp) {
    let timestamp =
        |micros: u64| Timestamp::saturating_from_micros(micros.try_into().unwrap_or(i64::MAX));
    (timestamp(earliest), timestamp(latest))
}

/// One of `step` documents, chosen by a hash, because entries may repeat in a rhythm.
fn sample(docs: &[DocId], step: u64) -> Cow<'_, [DocId]> {
    if step == 1 {
        return Cow::Borrowed(docs);
    }
    let is_chosen = |doc: &DocId| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u32(*doc);
        hasher.finish().is_multiple_of(step)
    };
    docs.iter().copied().filter(is_chosen).collect()
}

/// The documents in both lists, which are in ascending order.
fn intersection(docs: &[DocId], others: &[DocId]) -> Vec<DocId> {
    let mut others = others.iter().copied().peekable();
    let is_other = |doc: DocId| {
        while others.next_if(|other| *other < doc).is_some() {}
        others.peek() == Some(&doc)
    };
    let mut is_other = is_other;
    docs.iter().copied().filter(|doc| is_other(*doc)).collect()
}

#[cfg(test)]
mod tests {
    use super::intersection;

    #[test]
    fn the_intersection_has_the_documents_of_both_lists() {
        assert_eq!(intersection(&[1, 3, 5, 9], &[0, 3, 4, 5, 6]), [3, 5]);
        assert!(intersection(&[1], &[]).is_empty() && intersection(&[], &[1]).is_empty());
    }
}
