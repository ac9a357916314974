//! Computes aggregations from columns, one segment after the other.

mod histogram;
mod top;
mod values;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use tantivy::query::{EnableScoring, Weight};
use tantivy::{BitSet, DocId, SegmentReader};

use self::histogram::HistogramBuilder;
use self::top::{Room, TopCounter};
use super::alive;
use super::checks::Checks;
use super::messages::Messages;
use super::query::{Plan, Target, check_ranges, plan_checked};
use super::schema::Columns;
use super::{classify, entry};
use crate::aggregation::{Aggregates, Aggregation, Example};
use crate::error::Result;
use crate::log_entry::{LogEntry, Timestamp};
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
    for condition in [&aggregation.condition, &aggregation.condition_on_columns()] {
        check_ranges(target, condition, &checks)?;
    }
    let matcher = |condition| Matcher::new(target, condition, &checks);
    let hits = matcher(&aggregation.condition)?;
    let groups = aggregation.histogram.iter().flat_map(|histogram| &histogram.groups);
    let groups = groups.map(matcher).collect::<Result<Vec<Matcher>>>()?;
    let step = match aggregation.sample {
        Some(sample) => hits.count(target)?.div_ceil(sample).max(1),
        None => 1,
    };
    let mut builder = Builder::new(target, aggregation, step).map_err(classify)?;
    for segment in (0..).zip(target.searcher.segment_readers()) {
        builder.add_segment(segment, &hits, &groups)?;
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
        let plan = plan_checked(target, Sort::Newest, condition, checks.clone())?;
        let scoring = EnableScoring::disabled_from_searcher(target.searcher);
        let weight = plan.query.weight(scoring).map_err(classify)?;
        Ok(Self { plan, weight })
    }

    /// The number of entries.
    fn count(&self, target: Target<'_>) -> Result<u64> {
        let segments = target.searcher.segment_readers().iter();
        let counts = segments.map(|segment| {
            if self.plan.fragments.is_empty() {
                return self.weight.count(segment).map(u64::from).map_err(classify);
            }
            self.docs(target, segment).map(|docs| docs.len() as u64)
        });
        counts.sum()
    }

    /// The entries in a segment, in ascending order.
    fn docs(&self, target: Target<'_>, segment: &SegmentReader) -> Result<Vec<DocId>> {
        let checks = &self.plan.checks;
        let mut docs = Vec::new();
        let add = |block: &[DocId]| docs.extend_from_slice(block);
        alive::for_each(self.weight.as_ref(), segment, add).map_err(classify)?;
        if !self.plan.fragments.is_empty() {
            let messages = Messages::open(segment, target.fields.entry, checks.clone());
            let messages = messages.map_err(classify)?;
            docs.retain(|doc| messages.contains_all(*doc, &self.plan.fragments));
        }
        checks.result()?;
        Ok(docs)
    }
}

/// Entries in a segment, and their timestamps.
struct Hits {
    /// In ascending order.
    docs: Vec<DocId>,
    times: Vec<u64>,
}

impl Hits {
    /// The documents and their timestamps.
    fn iter(&self) -> impl Iterator<Item = (DocId, u64)> {
        self.docs.iter().copied().zip(self.times.iter().copied())
    }

    /// Those that are among these documents, which are in ascending order.
    fn among(&self, docs: &[DocId]) -> impl Iterator<Item = (DocId, u64)> {
        let mut rest = 0;
        docs.iter().filter_map(move |doc| {
            // Every hit between two documents is one of the documents between them.
            let first = self.docs.get(rest)?;
            let distance = doc.checked_sub(*first)?;
            let end = self.docs.len().min(rest + distance as usize + 1);
            rest += self.docs[rest..end].partition_point(|hit| hit < doc);
            (self.docs.get(rest) == Some(doc)).then(|| (*doc, self.times[rest]))
        })
    }
}

/// The range of time, extended to another time.
fn widened(range: Option<(u64, u64)>, time: u64) -> (u64, u64) {
    let (earliest, latest) = range.unwrap_or((time, time));
    (earliest.min(time), latest.max(time))
}

/// The results of the segments so far.
struct Builder<'a> {
    target: Target<'a>,
    /// The values of fields are counted in one of this number of entries.
    step: u64,
    has_time: bool,
    total: u64,
    examined: u64,
    /// The earliest and the latest timestamp.
    time: Option<(u64, u64)>,
    top: Vec<TopCounter<'a>>,
    room: Room,
    histogram: Option<HistogramBuilder<'a>>,
}

impl<'a> Builder<'a> {
    fn new(target: Target<'a>, aggregation: &'a Aggregation, step: u64) -> tantivy::Result<Self> {
        let histogram = aggregation.histogram.as_ref().map(HistogramBuilder::new);
        Ok(Self {
            target,
            step,
            has_time: aggregation.has_time,
            total: 0,
            examined: 0,
            time: None,
            top: aggregation.top.iter().map(TopCounter::new).collect(),
            room: Room::new(),
            histogram: histogram.transpose()?,
        })
    }

    fn add_segment(
        &mut self,
        (ordinal, segment): (u32, &SegmentReader),
        matcher: &Matcher,
        groups: &[Matcher],
    ) -> Result<()> {
        let docs = matcher.docs(self.target, segment)?;
        let columns = Columns::open(segment).map_err(classify)?;
        let hits = Hits { times: columns.timestamps_of(&docs), docs };
        self.total += hits.docs.len() as u64;
        if self.has_time {
            for time in &hits.times {
                self.time = Some(widened(self.time, *time));
            }
        }
        let examined = sample(&hits.docs, self.step);
        self.examined += examined.len() as u64;
        for top in &mut self.top {
            let room = &mut self.room;
            top.add_segment(self.target.fields, segment, &examined, room).map_err(classify)?;
            matcher.plan.checks.result()?;
        }
        if let Some(histogram) = &mut self.histogram {
            let segment = histogram.open(self.target.fields, (ordinal, segment), columns);
            let mut segment = segment.map_err(classify)?;
            let mut in_group = BitSet::with_max_value(segment.reader.max_doc());
            for (position, group) in groups.iter().enumerate() {
                let docs = group.docs(self.target, segment.reader)?;
                segment.add(position, hits.among(&docs));
                if segment.has_other {
                    for doc in docs {
                        in_group.insert(doc);
                    }
                }
            }
            if segment.has_other || groups.is_empty() {
                let others = hits.iter().filter(|(doc, _)| !in_group.contains(*doc));
                segment.add(groups.len(), others);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Aggregates> {
        let load = |address| {
            let (LogEntry { id, message, .. }, _) = entry(self.target, address)?;
            Ok(Example::new(id, message))
        };
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

#[cfg(test)]
mod tests {
    use super::Hits;

    #[test]
    fn hits_among_documents_keep_their_timestamps() {
        let hits = Hits { docs: vec![1, 3, 5, 9], times: vec![10, 30, 50, 90] };
        assert!(hits.among(&[0, 3, 4, 5, 6]).eq([(3, 30), (5, 50)]));
        assert!(hits.among(&[]).next().is_none());
    }
}
