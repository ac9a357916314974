//! Computes aggregations with plain loops over the entries.

use std::collections::{BTreeMap, BTreeSet};

use shared::LogEntry;
use shared::aggregation::{
    Aggregates, Aggregation, Example, Field, Histogram, Kinds, Measure, Series, Statistic, Top,
    TopValues,
};
use shared::pattern;
use shared::query::{Condition, Leaf, Scalar, Subject, leaves};

/// A value, and whether it is a number or a constant.
type Value = (u8, String);

/// The results for these entries. Percentiles are left out.
pub(super) fn recount(entries: &[LogEntry], aggregation: &Aggregation) -> Aggregates {
    let hits = matching(entries.iter(), &aggregation.condition);
    let times = hits.iter().map(|entry| entry.timestamp);
    Aggregates {
        total: hits.len() as u64,
        examined: hits.len() as u64,
        time: times.clone().min().zip(times.max()).filter(|_| aggregation.has_time),
        top: aggregation.top.iter().map(|top| recount_top(&hits, top)).collect(),
        series: aggregation.histogram.iter().flat_map(|it| recount_series(&hits, it)).collect(),
        is_rebuilding: false,
    }
}

fn matching<'e>(
    entries: impl Iterator<Item = &'e LogEntry>,
    condition: &Condition,
) -> Vec<&'e LogEntry> {
    entries.filter(|entry| condition.matches(&Subject::new(entry))).collect()
}

fn recount_top(hits: &[&LogEntry], top: &Top) -> TopValues {
    let mut counts = BTreeMap::<String, u64>::new();
    for hit in hits {
        for (_, text) in values(hit, &top.field) {
            *counts.entry(text).or_default() += 1;
        }
    }
    let distinct = counts.len() as u64;
    let mut all: Vec<(String, u64)> = counts.into_iter().collect();
    // Sorting is stable, so equal counts stay in the order of their values.
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rest = all.split_off(top.limit.min(all.len()));
    let all_values: Vec<_> = hits.iter().flat_map(|hit| values(hit, &top.field)).collect();
    let has_kind = |wanted| all_values.iter().any(|(kind, _)| *kind == wanted);
    TopValues {
        kinds: Kinds {
            strings: has_kind(0),
            numbers: has_kind(1),
            booleans: all_values.iter().any(|(kind, text)| *kind == 2 && text != "null"),
            nulls: all_values.iter().any(|(kind, text)| *kind == 2 && text == "null"),
        },
        values: all,
        other: rest.iter().map(|(_, count)| count).sum(),
        distinct,
        entries: hits.iter().filter(|hit| !values(hit, &top.field).is_empty()).count() as u64,
        is_approximate: false,
    }
}

fn recount_series(hits: &[&LogEntry], histogram: &Histogram) -> Vec<Series> {
    let mut groups = histogram.groups.clone();
    if histogram.has_other {
        groups.push(Condition::Not(Box::new(Condition::Any(groups.clone()))));
    }
    if groups.is_empty() {
        groups.push(Condition::everything());
    }
    let series = groups.iter().map(|group| {
        let hits = matching(hits.iter().copied(), group);
        let buckets = histogram.boundaries.windows(2).map(|bounds| {
            let in_bucket = |hit: &&&LogEntry| (bounds[0]..bounds[1]).contains(&hit.timestamp);
            let bucket: Vec<&LogEntry> = hits.iter().filter(in_bucket).copied().collect();
            measure(&bucket, &histogram.measure)
        });
        let times = hits.iter().map(|hit| hit.timestamp);
        let mut newest = hits.clone();
        newest.sort_by_key(|entry| std::cmp::Reverse((entry.timestamp, entry.id)));
        newest.truncate(histogram.newest);
        let newest = newest.iter().map(|entry| Example::new(entry.id, entry.message.clone()));
        Series {
            values: buckets.collect(),
            total: measure(&hits, &histogram.measure),
            time: times.clone().min().zip(times.max()).filter(|_| histogram.newest > 0),
            newest: newest.collect(),
        }
    });
    series.collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts in tests are small")]
fn measure(hits: &[&LogEntry], measure: &Measure) -> Option<f64> {
    match measure {
        Measure::Count => Some(hits.len() as f64),
        Measure::Distinct(field) => {
            let all: BTreeSet<Value> = hits.iter().flat_map(|hit| values(hit, field)).collect();
            Some(all.len() as f64)
        }
        Measure::Numbers(statistic, path) => {
            let mut numbers: Vec<f64> = hits.iter().flat_map(|hit| numbers(hit, path)).collect();
            numbers.sort_by(f64::total_cmp);
            // The sum of no numbers is -0.
            let sum = numbers.iter().sum::<f64>() + 0.0;
            match statistic {
                Statistic::Sum => Some(sum),
                Statistic::Average => (!numbers.is_empty()).then(|| sum / numbers.len() as f64),
                Statistic::Minimum => numbers.first().copied(),
                Statistic::Maximum => numbers.last().copied(),
                Statistic::Percentile(_) => None,
            }
        }
    }
}

/// The different values of a field, as the documentation of [`Field`] defines them.
fn values(entry: &LogEntry, field: &Field) -> BTreeSet<Value> {
    let path = match field {
        Field::ServiceName => return BTreeSet::from([(0, entry.service_name.as_str().to_owned())]),
        Field::Level => return BTreeSet::from([(0, entry.level.as_str().to_owned())]),
        Field::Pattern => return BTreeSet::from([(0, pattern::key(&entry.message))]),
        Field::Attribute(path) => path,
    };
    let leaves = leaves(entry.attributes.as_ref());
    let at_path = leaves.into_iter().filter(|leaf| leaf.path == *path);
    let mut values: BTreeSet<Value> = at_path
        .filter_map(|leaf| match leaf.value {
            Scalar::String(text) => (text.len() <= Leaf::MAX_COLUMN_BYTES).then_some((0, text)),
            Scalar::Number(number, _) => Some((1, text_of(number))),
            Scalar::Constant(text) => Some((2, text.to_owned())),
        })
        .collect();
    let texts: Vec<String> =
        values.iter().filter(|(kind, _)| *kind == 0).map(|(_, text)| text.clone()).collect();
    values.retain(|(kind, text)| *kind != 2 || !texts.contains(text));
    values
}

fn text_of(number: f64) -> String {
    let number = serde_json::Number::from_f64(number + 0.0).unwrap().to_string();
    number.strip_suffix(".0").map(str::to_owned).unwrap_or(number)
}

fn numbers(entry: &LogEntry, path: &str) -> Vec<f64> {
    let leaves = leaves(entry.attributes.as_ref());
    let at_path = leaves.iter().filter(|leaf| leaf.path == path);
    at_path
        .filter_map(|leaf| match leaf.value {
            Scalar::Number(number, _) => Some(number + 0.0),
            _ => None,
        })
        .collect()
}
