//! The response.

use std::collections::BTreeMap;

use poem_openapi::Object;
use serde::{Serialize, Serializer};
use shared::Timestamp;
use shared::aggregation::{self, Aggregates, MAX_EXACT_NUMBER};
use shared::http::{IndexState, ValueCount};
use shared::query::TimeRange;

/// Counts and measures of the entries that match.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "Stats", read_only_all)]
pub(crate) struct Stats {
    /// The number of entries in the range.
    pub(crate) total: u64,
    /// The start of the range, inclusive: the parameter, or else the time of the first entry. Absent
    /// if there is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) from: Option<Timestamp>,
    /// The end of the range, exclusive: the parameter, or else just after the last entry, or with
    /// `compare` the time of the request. Absent if there is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) to: Option<Timestamp>,
    /// The length of the buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) interval: Option<String>,
    /// The start of each bucket. The first and the last bucket may extend beyond the range, outside
    /// of which nothing is counted.
    pub(crate) buckets: Vec<Timestamp>,
    /// The measure in each bucket: one series, or with `by` one for each value, most common first.
    pub(crate) series: Vec<Series>,
    /// With `by`: the entries with none of the values in `series`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) other: Option<Series>,
    /// The most common values of each field in `top`, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) top: Option<BTreeMap<String, TopValues>>,
    /// With `compare=previous`: the period before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) previous: Option<Previous>,
    /// With `compare=previous`: the values whose share changed, the least likely change first; at
    /// most 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) changes: Option<Vec<Change>>,
    /// `true` if the series contain estimates: percentiles, and numbers of different values above
    /// 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) approximate: Option<bool>,
    /// `rebuilding` while the index is being built from the store and counts may be too low.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) index: Option<IndexState>,
}

/// A measure over time.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "StatsSeries", read_only_all)]
pub(crate) struct Series {
    /// With `by`: the field and its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) by: Option<BTreeMap<String, String>>,
    /// The measure in each bucket; `null` if there is nothing to measure.
    #[serde(serialize_with = "whole_numbers")]
    pub(crate) values: Vec<Option<f64>>,
    /// The measure of the whole range; absent if there is nothing to measure.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "whole_number")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) total: Option<f64>,
}

/// The most common values of a field.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "TopValues", read_only_all)]
pub(crate) struct TopValues {
    /// The values, most common first.
    values: Vec<ValueCount>,
    /// The sum of the counts of all other values. An entry with several values counts several times.
    other: u64,
    /// The number of different values.
    distinct: u64,
    /// The number of entries that have a value.
    entries: u64,
    /// `true` if there are so many values that the counts or their number are estimates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    approximate: Option<bool>,
}

/// The period before.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "PreviousStats", read_only_all)]
pub(crate) struct Previous {
    /// The start of the period, inclusive.
    pub(crate) from: Timestamp,
    /// The end of the period, exclusive.
    pub(crate) to: Timestamp,
    /// The number of entries in this period.
    pub(crate) total: u64,
}

/// A value whose share of the entries changed.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "StatsChange", read_only_all)]
pub(crate) struct Change {
    /// The field.
    pub(crate) field: String,
    /// The value.
    pub(crate) value: String,
    /// The number of entries with the value.
    pub(crate) count: u64,
    /// The number of entries with the value in the previous period.
    pub(crate) previous_count: u64,
    /// The share of the entries with the value, from 0 to 1.
    pub(crate) share: f64,
    /// The share in the previous period, from 0 to 1.
    pub(crate) previous_share: f64,
    /// How unlikely the change is: the log-likelihood ratio G² (Dunning, 1993). One in a thousand
    /// values without a change has more than 10.83.
    pub(crate) score: f64,
}

impl Stats {
    /// The number of entries, and their range of time.
    pub(crate) fn of(found: &Aggregates, range: TimeRange) -> Self {
        Self {
            total: found.total,
            from: range.from,
            to: range.to,
            interval: None,
            buckets: Vec::new(),
            series: Vec::new(),
            other: None,
            top: None,
            previous: None,
            changes: None,
            approximate: None,
            index: found.is_rebuilding.then_some(IndexState::Rebuilding),
        }
    }

    /// The range of time.
    pub(crate) fn range(&self) -> TimeRange {
        TimeRange { from: self.from, to: self.to }
    }
}

impl Series {
    pub(crate) fn new(by: Option<(String, String)>, series: aggregation::Series) -> Self {
        let by = by.map(|by| BTreeMap::from([by]));
        Self { by, values: series.values, total: series.total }
    }
}

impl TopValues {
    /// The first values.
    pub(crate) fn new(values: aggregation::TopValues, limit: usize) -> Self {
        let cut: u64 = values.values.iter().skip(limit).map(|(_, count)| count).sum();
        let listed = values.values.into_iter().take(limit);
        Self {
            values: listed.map(ValueCount::from).collect(),
            other: values.other + cut,
            distinct: values.distinct,
            entries: values.entries,
            approximate: values.is_approximate.then_some(true),
        }
    }
}

/// A number that is written without a fraction if it has none.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() <= MAX_EXACT_NUMBER {
            #[expect(clippy::cast_possible_truncation, reason = "it is a whole number")]
            return serializer.serialize_i64(self.0 as i64);
        }
        serializer.serialize_f64(self.0)
    }
}

fn whole_numbers<S: Serializer>(values: &[Option<f64>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| value.map(Number)))
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn whole_number<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(Number).serialize(serializer)
}
