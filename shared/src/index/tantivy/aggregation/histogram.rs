//! Measures the entries of each group and bucket.

use std::collections::HashMap;

use datasketches::hll::{Coupon, HllSketch, HllType};
use datasketches::tdigest::TDigestMut;
use tantivy::collector::TopNComputer;
use tantivy::collector::sort_key::NaturalComparator;
use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId, SegmentReader, TantivyError};

use super::values::{self, Value, Values};
use super::{timestamps, widened};
use crate::aggregation::{Example, Histogram, Measure, Series, Statistic};
use crate::error::Result;
use crate::index::tantivy::schema::{Columns, Fields, micros};

/// The compression of t-digests: about twice as many centroids, as in OpenSearch.
const COMPRESSION: u16 = 100;

/// The logarithm of the number of registers of a `HyperLogLog` sketch: a standard error of 0.8 %, and
/// exact for the first thousand values.
const LOG_REGISTERS: u8 = 14;

/// The measures of the segments so far.
pub(super) struct HistogramBuilder<'a> {
    histogram: &'a Histogram,
    boundaries: Vec<u64>,
    series: Vec<SeriesBuilder>,
}

struct SeriesBuilder {
    buckets: Vec<Cell>,
    total: Cell,
    /// The earliest and the latest timestamp.
    time: Option<(u64, u64)>,
    newest: TopNComputer<[u64; 3], DocAddress, NaturalComparator>,
}

impl<'a> HistogramBuilder<'a> {
    pub(super) fn new(histogram: &'a Histogram) -> tantivy::Result<Self> {
        let boundaries: Vec<u64> = histogram.boundaries.iter().copied().map(micros).collect();
        let empty = Cell::empty(&histogram.measure)?;
        let buckets = boundaries.len().saturating_sub(1);
        let series = (0..histogram.series_count()).map(|_| SeriesBuilder {
            buckets: vec![empty.clone(); buckets],
            total: empty.clone(),
            time: None,
            newest: TopNComputer::new_with_comparator(histogram.newest, NaturalComparator),
        });
        Ok(Self { histogram, boundaries, series: series.collect() })
    }

    /// Prepares to add the entries in a segment.
    pub(super) fn open<'s>(
        &'s mut self,
        fields: &Fields,
        (ordinal, reader): (u32, &'s SegmentReader),
        columns: Columns,
    ) -> tantivy::Result<Segment<'s>> {
        let source = Source::open(reader, fields, &self.histogram.measure)?;
        Ok(Segment {
            ordinal,
            reader,
            has_other: self.histogram.has_other,
            needs_newest: self.histogram.newest > 0,
            columns,
            source,
            boundaries: &self.boundaries,
            series: &mut self.series,
        })
    }

    /// The results. `load` loads an entry.
    pub(super) fn finish(
        self,
        load: impl Fn(DocAddress) -> Result<Example>,
    ) -> Result<Vec<Series>> {
        let measure = &self.histogram.measure;
        let series = self.series.into_iter().map(|series| {
            let newest = series.newest.into_sorted_vec().into_iter();
            Ok(Series {
                values: series.buckets.into_iter().map(|cell| cell.result(measure)).collect(),
                total: series.total.result(measure),
                time: series.time.map(timestamps),
                newest: newest.map(|hit| load(hit.doc)).collect::<Result<_>>()?,
            })
        });
        series.collect()
    }
}

/// A segment whose entries are measured.
pub(super) struct Segment<'s> {
    ordinal: u32,
    pub(super) reader: &'s SegmentReader,
    pub(super) has_other: bool,
    needs_newest: bool,
    columns: Columns,
    source: Source,
    boundaries: &'s [u64],
    series: &'s mut [SeriesBuilder],
}

impl Segment<'_> {
    /// Adds entries to the series at this position.
    pub(super) fn add(&mut self, position: usize, hits: impl Iterator<Item = (DocId, u64)>) {
        let Some(series) = self.series.get_mut(position) else { return };
        let mut bucket = 0;
        for (doc, time) in hits {
            if self.needs_newest {
                series.time = Some(widened(series.time, time));
                let (high, low) = self.columns.id(doc);
                series.newest.push([time, high, low], DocAddress::new(self.ordinal, doc));
            }
            // Neighbours are often in the same bucket.
            if !is_in(self.boundaries, bucket, time) {
                bucket = self.boundaries.partition_point(|start| *start <= time).wrapping_sub(1);
            }
            let in_bucket = series.buckets.get_mut(bucket);
            let cells = [Some(&mut series.total), in_bucket];
            for cell in cells.into_iter().flatten() {
                self.source.add(doc, cell);
            }
        }
    }
}

fn is_in(boundaries: &[u64], bucket: usize, time: u64) -> bool {
    match boundaries.get(bucket..) {
        Some([start, end, ..]) => (*start..*end).contains(&time),
        _ => false,
    }
}

/// What is measured, in a segment.
enum Source {
    Entries,
    Values { values: Values, coupons: HashMap<Value, Coupon> },
    Numbers(Option<Column<f64>>),
}

impl Source {
    fn open(segment: &SegmentReader, fields: &Fields, measure: &Measure) -> tantivy::Result<Self> {
        Ok(match measure {
            Measure::Count => Self::Entries,
            Measure::Distinct(field) => {
                let values = Values::open(segment, fields, field)?;
                let coupons = coupons(&values)?;
                Self::Values { values, coupons }
            }
            Measure::Numbers(_, path) => Self::Numbers(values::numbers(segment, path)?),
        })
    }

    fn add(&mut self, doc: DocId, cell: &mut Cell) {
        match (self, cell) {
            (Self::Entries, Cell::Count(count)) => *count += 1,
            (Self::Values { values, coupons }, Cell::Distinct(sketch)) => {
                values.of(doc, |value| {
                    let coupon = coupons.get(&value).copied().or_else(|| {
                        let coupon =
                            Coupon::from_value((value.kind(), values.text(value)?.as_str()));
                        coupons.insert(value, coupon);
                        Some(coupon)
                    });
                    if let Some(coupon) = coupon {
                        sketch.update_with_coupon(coupon);
                    }
                });
            }
            (Self::Numbers(Some(numbers)), cell) => {
                for number in numbers.values_for_doc(doc) {
                    cell.add(number);
                }
            }
            _ => {}
        }
    }
}

/// The hash of every text in a segment.
fn coupons(values: &Values) -> tantivy::Result<HashMap<Value, Coupon>> {
    let ordinals: Vec<u64> = (0..values.text_count() as u64).collect();
    let mut coupons = HashMap::with_capacity(ordinals.len());
    values.texts(&ordinals, |ordinal, text| {
        let value = Value::Text(ordinal);
        coupons.insert(value, Coupon::from_value((value.kind(), text)));
    })?;
    Ok(coupons)
}

/// The measure of the entries in a bucket.
#[derive(Clone)]
enum Cell {
    Count(u64),
    Distinct(HllSketch),
    Numbers(Numbers),
    Percentiles(TDigestMut),
}

#[derive(Clone)]
struct Numbers {
    count: u64,
    sum: f64,
    least: f64,
    greatest: f64,
}

impl Cell {
    fn empty(measure: &Measure) -> tantivy::Result<Self> {
        let invalid = |error| TantivyError::InternalError(format!("sketch: {error}"));
        Ok(match measure {
            Measure::Count => Self::Count(0),
            Measure::Distinct(_) => {
                let sketch = HllSketch::new(LOG_REGISTERS, HllType::Hll4);
                Self::Distinct(sketch.map_err(invalid)?)
            }
            Measure::Numbers(Statistic::Percentile(_), _) => {
                Self::Percentiles(TDigestMut::new(COMPRESSION).map_err(invalid)?)
            }
            Measure::Numbers(..) => Self::Numbers(Numbers {
                count: 0,
                sum: 0.0,
                least: f64::INFINITY,
                greatest: f64::NEG_INFINITY,
            }),
        })
    }

    fn add(&mut self, number: f64) {
        match self {
            Self::Numbers(numbers) => {
                numbers.count += 1;
                numbers.sum += number;
                numbers.least = numbers.least.min(number);
                numbers.greatest = numbers.greatest.max(number);
            }
            Self::Percentiles(digest) => digest.update(number),
            Self::Count(_) | Self::Distinct(_) => {}
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn result(self, measure: &Measure) -> Option<f64> {
        match (self, measure) {
            (Self::Count(count), _) => Some(count as f64),
            (Self::Distinct(sketch), _) => Some(sketch.estimate().round()),
            (Self::Numbers(numbers), Measure::Numbers(statistic, _)) => {
                numbers.result(*statistic).filter(|number| number.is_finite())
            }
            (Self::Percentiles(digest), Measure::Numbers(Statistic::Percentile(percent), _)) => {
                digest.freeze().quantile(f64::from(*percent) / 100.0)
            }
            _ => None,
        }
    }
}

impl Numbers {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn result(&self, statistic: Statistic) -> Option<f64> {
        let has_numbers = self.count > 0;
        match statistic {
            Statistic::Sum => Some(self.sum),
            Statistic::Average => has_numbers.then(|| self.sum / self.count as f64),
            Statistic::Minimum => has_numbers.then_some(self.least),
            Statistic::Maximum => has_numbers.then_some(self.greatest),
            Statistic::Percentile(_) => None,
        }
    }
}
