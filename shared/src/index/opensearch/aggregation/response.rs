//! Parses the response to an aggregation.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::request::{GROUPS, NULL, SAMPLE, TOP_NAMES, top_prefix};
use crate::aggregation::{
    Aggregates, Aggregation, Example, Histogram, Kinds, Measure, Series, Statistic, TopValues,
    number_text,
};
use crate::error::Source;
use crate::log_entry::{EntryId, Timestamp};

#[derive(Deserialize)]
struct Response {
    hits: Hits,
    /// Absent if none were requested.
    #[serde(default)]
    aggregations: Map<String, Value>,
}

#[derive(Deserialize)]
struct Hits {
    total: Metric<u64>,
}

/// An aggregation with one value.
#[derive(Deserialize)]
struct Metric<T> {
    value: T,
}

/// The entries that meet a condition, and what was computed about them.
#[derive(Deserialize, Default)]
struct Group {
    #[serde(default)]
    doc_count: u64,
    texts: Option<Terms>,
    numbers: Option<Terms>,
    distinct_texts: Option<Metric<u64>>,
    distinct_numbers: Option<Metric<u64>>,
    constants: Option<Constants>,
    entries: Option<Count>,
    measure: Option<Statistics>,
    buckets: Option<Buckets>,
    earliest: Option<Metric<Option<f64>>>,
    latest: Option<Metric<Option<f64>>>,
    newest: Option<Newest>,
}

#[derive(Deserialize)]
struct Newest {
    hits: NewestHits,
}

#[derive(Deserialize)]
struct NewestHits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_source")]
    source: ExampleSource,
}

#[derive(Deserialize)]
struct ExampleSource {
    id: EntryId,
    #[serde(alias = "original_message")]
    message: String,
}

#[derive(Deserialize)]
struct Count {
    doc_count: u64,
}

#[derive(Deserialize)]
struct Constants {
    each: ConstantBuckets,
}

#[derive(Deserialize)]
struct ConstantBuckets {
    buckets: HashMap<String, Count>,
}

#[derive(Deserialize)]
struct Terms {
    doc_count_error_upper_bound: i64,
    sum_other_doc_count: u64,
    buckets: Vec<Term>,
}

#[derive(Deserialize)]
struct Term {
    key: Value,
    doc_count: u64,
}

#[derive(Deserialize)]
struct Buckets {
    buckets: Vec<Group>,
}

/// A statistic of numbers: a value, or a list with one percentile.
#[derive(Deserialize)]
#[serde(untagged)]
enum Statistics {
    Percentiles {
        values: Vec<Metric<Option<f64>>>,
    },
    Value {
        value: Option<f64>,
    },
    /// `Infinity` and `NaN` are texts.
    OutOfRange {},
}

/// Reads the results.
pub(super) fn parse(response: &[u8], aggregation: &Aggregation) -> Result<Aggregates, Source> {
    let Response { hits, mut aggregations } = serde_json::from_slice(response)?;
    let metric = |name| {
        let value = aggregations.get(name).unwrap_or(&Value::Null);
        Option::<Metric<Option<f64>>>::deserialize(value)
    };
    let range = time(metric("earliest")?).zip(time(metric("latest")?));
    let mut examined = hits.total.value;
    let mut sample: Option<Map<String, Value>> = take(&mut aggregations, SAMPLE)?;
    if let Some(sample) = &mut sample {
        examined = take(sample, "doc_count")?;
    }
    let tops = sample.as_mut().unwrap_or(&mut aggregations);
    let mut top = Vec::new();
    for (position, wanted) in aggregation.top.iter().enumerate() {
        top.push(take_top(tops, position)?.top(wanted.limit, examined));
    }
    let mut series = Vec::new();
    if let Some(histogram) = &aggregation.histogram {
        let groups: Option<Buckets> = take(&mut aggregations, GROUPS)?;
        let groups = if let Some(groups) = groups {
            groups.buckets
        } else {
            let all: Group = serde_json::from_value(Value::Object(aggregations))?;
            vec![Group { doc_count: hits.total.value, ..all }]
        };
        series.extend(groups.into_iter().map(|group| group.series(histogram)));
    }
    Ok(Aggregates {
        total: hits.total.value,
        examined,
        time: range.filter(|_| aggregation.has_time),
        top,
        series,
        is_rebuilding: false,
    })
}

/// Reads the numbers of different values of the fields at these positions, and sets them where not
/// every value is listed.
pub(super) fn add_distinct(
    response: &[u8],
    positions: &[usize],
    aggregates: &mut Aggregates,
) -> Result<(), Source> {
    let Response { mut aggregations, .. } = serde_json::from_slice(response)?;
    let mut sample: Option<Map<String, Value>> = take(&mut aggregations, SAMPLE)?;
    let tops = sample.as_mut().unwrap_or(&mut aggregations);
    for position in positions {
        let distinct = take_top(tops, *position)?.distinct();
        if let Some(values) = aggregates.top.get_mut(*position) {
            values.distinct = values.distinct.max(distinct);
        }
    }
    Ok(())
}

/// The aggregations of a field.
fn take_top(tops: &mut Map<String, Value>, position: usize) -> serde_json::Result<Group> {
    let prefix = top_prefix(position);
    let values = TOP_NAMES.into_iter().filter_map(|name| {
        let value = tops.remove(&format!("{prefix}{name}"))?;
        Some((name.to_owned(), value))
    });
    serde_json::from_value(Value::Object(values.collect()))
}

fn take<T: DeserializeOwned>(
    aggregations: &mut Map<String, Value>,
    name: &str,
) -> serde_json::Result<T> {
    serde_json::from_value(aggregations.remove(name).unwrap_or_default())
}

#[expect(clippy::cast_possible_truncation, reason = "timestamps are whole numbers")]
fn time(metric: Option<Metric<Option<f64>>>) -> Option<Timestamp> {
    Some(Timestamp::saturating_from_micros(metric?.value? as i64))
}

impl Group {
    /// The most common values in the entries that were examined.
    fn top(self, limit: usize, examined: u64) -> TopValues {
        let mut counts = HashMap::<String, u64>::new();
        let mut unlisted = 0;
        let mut is_approximate = false;
        let kinds = self.kinds();
        for terms in [self.texts, self.numbers].into_iter().flatten() {
            unlisted += terms.sum_other_doc_count;
            is_approximate |= terms.doc_count_error_upper_bound != 0;
            for Term { key, doc_count } in terms.buckets {
                *counts.entry(text_of(key)).or_default() += doc_count;
            }
        }
        for (text, Count { doc_count }) in
            self.constants.into_iter().flat_map(|constants| constants.each.buckets)
        {
            if doc_count > 0 {
                *counts.entry(text).or_default() += doc_count;
            }
        }
        let mut values = TopValues::of(counts, limit);
        values.kinds = kinds;
        values.other += unlisted;
        values.entries = self.entries.map_or(examined, |entries| entries.doc_count);
        values.is_approximate = is_approximate || unlisted > 0;
        values
    }

    fn kinds(&self) -> Kinds {
        let has_terms =
            |terms: &Option<Terms>| terms.as_ref().is_some_and(|terms| !terms.buckets.is_empty());
        let constants = self.constants.iter().flat_map(|constants| &constants.each.buckets);
        let constants = constants.filter(|(_, count)| count.doc_count > 0);
        let (nulls, booleans): (Vec<_>, Vec<_>) = constants.partition(|(text, _)| *text == NULL);
        Kinds {
            strings: has_terms(&self.texts),
            numbers: has_terms(&self.numbers),
            booleans: !booleans.is_empty(),
            nulls: !nulls.is_empty(),
        }
    }

    /// The number of different values, where numbers differ from strings.
    fn distinct(&self) -> u64 {
        let columns = [&self.distinct_texts, &self.distinct_numbers];
        let constants = self.constants.iter().flat_map(|constants| constants.each.buckets.values());
        columns.into_iter().flatten().map(|distinct| distinct.value).sum::<u64>()
            + constants.map(|count| u64::from(count.doc_count > 0)).sum::<u64>()
    }

    fn series(self, histogram: &Histogram) -> Series {
        let measure = &histogram.measure;
        let total = self.measure(measure);
        let hits = self.newest.into_iter().flat_map(|newest| newest.hits.hits);
        let newest = hits.map(|Hit { source }| Example::new(source.id, source.message)).collect();
        let buckets = self.buckets.into_iter().flat_map(|buckets| buckets.buckets);
        Series {
            values: buckets.map(|bucket| bucket.measure(measure)).collect(),
            total,
            time: time(self.earliest).zip(time(self.latest)).filter(|_| histogram.newest > 0),
            newest,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn measure(&self, measure: &Measure) -> Option<f64> {
        match measure {
            Measure::Count => Some(self.doc_count as f64),
            Measure::Distinct(_) => Some(self.distinct() as f64),
            Measure::Numbers(statistic, _) => {
                let value = match self.measure.as_ref()? {
                    Statistics::Value { value } => *value,
                    Statistics::Percentiles { values } => values.first()?.value,
                    Statistics::OutOfRange {} => return None,
                };
                if *statistic == Statistic::Sum { value.or(Some(0.0)) } else { value }
            }
        }
    }
}

fn text_of(key: Value) -> String {
    match key {
        Value::String(text) => text,
        Value::Number(number) => number_text(number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}
