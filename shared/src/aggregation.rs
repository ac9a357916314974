//! Aggregations: counts and statistics of all entries that meet a condition. Every index returns the
//! same results; the port's contract suite verifies this.

use std::fmt;
use std::str::FromStr;

use crate::log_entry::{EntryId, Timestamp};
use crate::pattern;
use crate::query::{
    Attribute, AttributeTest, Bound, Condition, Keyword, KeywordTest, Range, canonical_text,
};

/// What to compute about the entries that meet a condition.
#[derive(Debug, Clone)]
pub struct Aggregation {
    /// The condition that the entries meet.
    pub condition: Condition,
    /// Whether to find the earliest and the latest timestamp.
    pub has_time: bool,
    /// The fields whose most common values to count.
    pub top: Vec<Top>,
    /// A measure over time.
    pub histogram: Option<Histogram>,
    /// If set and there are more entries, the values of fields are counted in a random sample of about
    /// this many. Attributes without columns are then left out instead of rejected.
    pub sample: Option<u64>,
}

impl Aggregation {
    /// The number of entries that meet a condition.
    #[must_use]
    pub fn of(condition: Condition) -> Self {
        Self { condition, has_time: false, top: Vec::new(), histogram: None, sample: None }
    }
}

/// The most common values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// The field.
    pub field: Field,
    /// The maximum number of values to return, at most [`Top::MAX_LIMIT`].
    pub limit: usize,
}

impl Top {
    /// The maximum number of values that can be returned.
    pub const MAX_LIMIT: usize = 5000;
}

/// A field whose values can be counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The service name.
    ServiceName,
    /// The level.
    Level,
    /// The [key](crate::pattern::key()) of the message's pattern.
    Pattern,
    /// The attribute with this path. Numbers have the precision of a 64-bit float, and strings of
    /// more than [`Leaf::MAX_COLUMN_BYTES`](crate::query::Leaf) are not counted.
    Attribute(String),
}

/// A measure of the entries in each bucket.
#[derive(Debug, Clone)]
pub struct Histogram {
    /// The start of each bucket, then the end of the last one, in ascending order.
    pub boundaries: Vec<Timestamp>,
    /// The conditions that divide the entries into series. Without any, there is one series of all
    /// entries.
    pub groups: Vec<Condition>,
    /// Whether a last series has the entries that are in none of the groups.
    pub has_other: bool,
    /// What to measure.
    pub measure: Measure,
    /// The number of newest entries of each series to return.
    pub newest: usize,
}

/// What to measure.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// The number of entries.
    Count,
    /// The number of different values of a field, where numbers differ from strings. It is exact up
    /// to 1,000, and an estimate (`HyperLogLog`) beyond.
    Distinct(Field),
    /// A statistic of the numbers in the attribute with this path. Each number of an array counts. A
    /// result that exceeds the range of 64-bit floats is left out.
    Numbers(Statistic, String),
}

/// A statistic of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// The sum; 0 if there are no numbers.
    Sum,
    /// The arithmetic mean.
    Average,
    /// The least number.
    Minimum,
    /// The greatest number.
    Maximum,
    /// The number below which this percentage of the numbers is, from 1 to 99. It is an estimate.
    Percentile(u8),
}

/// The results of an [`Aggregation`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aggregates {
    /// The exact number of entries.
    pub total: u64,
    /// The number of entries in which the values of fields were counted: `total` without a sample.
    pub examined: u64,
    /// The earliest and the latest timestamp; `None` if there are no entries, or
    /// [`Aggregation::has_time`] is not set.
    pub time: Option<(Timestamp, Timestamp)>,
    /// The values of each field in [`Aggregation::top`].
    pub top: Vec<TopValues>,
    /// The series of each group, or the only series.
    pub series: Vec<Series>,
    /// Whether the index is being built from the store, so that entries may be missing.
    pub is_rebuilding: bool,
}

/// The most common values of a field, as texts. The number `42` and the string `42` have the same
/// text, so they are one value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopValues {
    /// The values and the number of entries with each, most common first, then by value.
    pub values: Vec<(String, u64)>,
    /// The sum of the counts of all other values.
    pub other: u64,
    /// The number of different values.
    pub distinct: u64,
    /// The number of entries that have a value.
    pub entries: u64,
    /// The types of the values.
    pub kinds: Kinds,
    /// Whether the numbers are estimates, because there are too many values to count each of them.
    pub is_approximate: bool,
}

/// The types of a field's values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a field may have any combination of types")]
pub struct Kinds {
    /// There are strings.
    pub strings: bool,
    /// There are numbers.
    pub numbers: bool,
    /// There are booleans.
    pub booleans: bool,
    /// There are nulls.
    pub nulls: bool,
}

impl Aggregates {
    /// The results if no entry meets the condition.
    #[cfg_attr(not(feature = "opensearch"), expect(dead_code))]
    pub(crate) fn of_nothing(aggregation: &Aggregation) -> Self {
        let series = aggregation.histogram.iter().flat_map(|histogram| {
            let nothing = histogram.measure.of_nothing();
            let buckets = histogram.boundaries.len().saturating_sub(1);
            let series =
                Series { values: vec![nothing; buckets], total: nothing, ..Series::default() };
            vec![series; histogram.series_count()]
        });
        Self {
            top: vec![TopValues::default(); aggregation.top.len()],
            series: series.collect(),
            ..Self::default()
        }
    }
}

impl Histogram {
    /// The number of series.
    pub(crate) fn series_count(&self) -> usize {
        (self.groups.len() + usize::from(self.has_other)).max(1)
    }
}

impl Measure {
    /// The measure of no entries.
    pub(crate) fn of_nothing(&self) -> Option<f64> {
        match self {
            Self::Count | Self::Distinct(_) | Self::Numbers(Statistic::Sum, _) => Some(0.0),
            Self::Numbers(..) => None,
        }
    }
}

impl TopValues {
    /// Builds the result from the count of every value.
    #[cfg_attr(not(any(feature = "opensearch", feature = "tantivy")), expect(dead_code))]
    pub(crate) fn of(counts: impl IntoIterator<Item = (String, u64)>, limit: usize) -> Self {
        let mut values: Vec<(String, u64)> = counts.into_iter().collect();
        values.sort_unstable_by(|(one, count), (other, other_count)| {
            other_count.cmp(count).then_with(|| one.cmp(other))
        });
        let distinct = values.len() as u64;
        let other = values.iter().skip(limit).map(|(_, count)| count).sum();
        values.truncate(limit);
        Self { values, other, distinct, ..Self::default() }
    }
}

/// The measure of a group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// The measure in each bucket; `None` if there is nothing to measure.
    pub values: Vec<Option<f64>>,
    /// The measure of the whole group.
    pub total: Option<f64>,
    /// The earliest and the latest timestamp of the group; `None` if it has no entries, or no newest
    /// entries were requested.
    pub time: Option<(Timestamp, Timestamp)>,
    /// The newest entries of the group, newest first.
    pub newest: Vec<Example>,
}

impl Series {
    /// Whether the values are estimates.
    #[must_use]
    pub fn is_approximate(&self, measure: &Measure) -> bool {
        let mut values = self.values.iter().chain([&self.total]).flatten();
        match measure {
            Measure::Distinct(_) => values.any(|count| *count > MAX_EXACT_DISTINCT),
            Measure::Numbers(Statistic::Percentile(_), _) => values.next().is_some(),
            Measure::Count | Measure::Numbers(..) => false,
        }
    }
}

/// An entry of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The id.
    pub id: EntryId,
    /// The start of the message, at most [`MAX_TEMPLATE_BYTES`](pattern::MAX_TEMPLATE_BYTES).
    pub message: String,
}

impl Example {
    /// Cuts the message.
    #[must_use]
    pub fn new(id: EntryId, mut message: String) -> Self {
        message.truncate(message.floor_char_boundary(pattern::MAX_TEMPLATE_BYTES));
        message.shrink_to_fit();
        Self { id, message }
    }
}

/// Up to this, numbers of different values are exact.
const MAX_EXACT_DISTINCT: f64 = 1000.0;

/// Up to this, every whole number is a 64-bit float.
pub const MAX_EXACT_NUMBER: f64 = 9_007_199_254_740_992.0;

/// The prefix of the names of attributes.
const ATTRIBUTES: &str = "attributes.";

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceName => f.write_str("service_name"),
            Self::Level => f.write_str("level"),
            Self::Pattern => f.write_str("pattern"),
            Self::Attribute(path) => write!(f, "{ATTRIBUTES}{path}"),
        }
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "service_name" | "service" => Ok(Self::ServiceName),
            "level" => Ok(Self::Level),
            _ => match name.strip_prefix(ATTRIBUTES).or_else(|| name.strip_prefix('@')) {
                Some(path) if !path.is_empty() && path.len() <= Self::MAX_PATH_BYTES => {
                    Ok(Self::Attribute(path.to_owned()))
                }
                _ => {
                    Err("a field must be level, service_name or attributes. with a path, such as \
                          attributes.http.status"
                        .to_owned())
                }
            },
        }
    }
}

impl Field {
    /// The maximum length of an attribute's path.
    const MAX_PATH_BYTES: usize = 256;

    /// The condition that an entry's value, or one of its values, is this one.
    #[must_use]
    pub fn is(&self, value: &str) -> Condition {
        let keyword =
            |keyword| Condition::Keyword(keyword, KeywordTest::AnyOf(vec![value.to_owned()]));
        match self {
            Self::ServiceName => keyword(Keyword::ServiceName),
            Self::Level => keyword(Keyword::Level),
            Self::Pattern => match pattern::parse_key(value) {
                Some((id, _)) => Condition::Patterns(vec![id]),
                None => Condition::Patterns(Vec::new()),
            },
            Self::Attribute(path) => {
                let test = |test| Condition::Attribute(Attribute { path: path.clone(), test });
                let equal = test(AttributeTest::AnyOf(vec![value.to_owned()]));
                match value.parse::<f64>() {
                    // The digits of large numbers may differ from the float's.
                    Ok(number) if number.is_finite() && number.abs() >= MAX_EXACT_NUMBER => {
                        let bound = Bound { value: number, is_inclusive: true };
                        let range = Range { lower: Some(bound.clone()), upper: Some(bound) };
                        Condition::Any(vec![equal, test(AttributeTest::Numbers(range))])
                    }
                    _ => equal,
                }
            }
        }
    }
}

impl Aggregation {
    /// The condition, extended so that it is rejected where a result needs a column that does not
    /// exist.
    #[cfg_attr(not(any(feature = "opensearch", feature = "tantivy")), expect(dead_code))]
    pub(crate) fn condition_on_columns(&self) -> Condition {
        let of_measure = self.histogram.as_ref().and_then(|histogram| match &histogram.measure {
            Measure::Distinct(Field::Attribute(path)) | Measure::Numbers(_, path) => Some(path),
            Measure::Count | Measure::Distinct(_) => None,
        });
        if self.sample.is_some() {
            return self.condition.clone();
        }
        let of_top = self.top.iter().filter_map(|top| match &top.field {
            Field::Attribute(path) => Some(path),
            Field::ServiceName | Field::Level | Field::Pattern => None,
        });
        let paths = of_top.chain(of_measure);
        let any_string = |path: &String| {
            let test = AttributeTest::Strings(Range { lower: None, upper: None });
            Condition::Attribute(Attribute { path: path.clone(), test })
        };
        let uses: Vec<Condition> = paths.map(any_string).collect();
        if uses.is_empty() {
            return self.condition.clone();
        }
        self.condition.clone().and(Condition::Any(uses))
    }
}

/// The text of a number as a value.
#[cfg_attr(not(any(feature = "opensearch", feature = "tantivy")), expect(dead_code))]
pub(crate) fn number_text(number: f64) -> String {
    serde_json::Number::from_f64(number).map_or_else(String::new, |number| canonical_text(&number))
}
