//! Translates an [`Aggregation`] to an OpenSearch request.

use serde_json::{Map, Value, json};

use crate::aggregation::{Aggregation, Field, Histogram, Measure, Statistic};
use crate::index::opensearch::document::{
    ID_AND_MESSAGE, LEVEL, NUMBERS, PATTERN, SERVICE_NAME, STRINGS, TIMESTAMP_MICROS, column_name,
};
use crate::index::opensearch::query;
use crate::query::{Attribute, AttributeTest, Bound, Condition, Range};
use crate::search::Sort;

/// The texts of booleans and null, which have no column.
const CONSTANTS: [&str; 3] = ["false", NULL, "true"];

/// The text of null.
pub(super) const NULL: &str = "null";

/// Up to this number of different values, their number is almost always exact. A higher threshold
/// needs more memory in each bucket of each day.
const PRECISION_THRESHOLD: u32 = 1000;

/// The name of the aggregation with the values of fields in a sample.
pub(super) const SAMPLE: &str = "sample";

/// Makes samples reproducible.
const SEED: u32 = 1;

/// The number of values of all fields to request: less than half of OpenSearch's limit for buckets,
/// because an attribute has two lists.
const MAX_LISTED: usize = 25_000;

/// The number of values of a field to request, unless more are to be returned.
const LISTED_PER_FIELD: usize = 1000;

/// The body of the search request. If `share` is set, the values of fields are counted in a random
/// sample of this share of the entries.
///
/// # Errors
/// When a fragment is too long.
pub(super) fn body(aggregation: &Aggregation, share: Option<f64>) -> Result<Value, String> {
    let mut aggregations = if aggregation.has_time { time() } else { Map::new() };
    let mut tops = Map::new();
    let size = list_size(aggregation.top.len());
    for (position, top) in aggregation.top.iter().enumerate() {
        add_top(&mut tops, position, values(&top.field, size.max(top.limit))?);
    }
    aggregations.extend(in_sample(share, tops));
    if let Some(histogram) = &aggregation.histogram {
        let groups: Result<Vec<Value>, _> = histogram.groups.iter().map(query::condition).collect();
        let (groups, series) = (groups?, series(histogram)?);
        if groups.is_empty() {
            // Within a group, they would be slower.
            aggregations.extend(series);
        } else {
            let filters = json!({"filters": groups, "other_bucket": histogram.has_other});
            let groups = json!({"filters": filters, "aggs": series});
            aggregations.insert(GROUPS.to_owned(), groups);
        }
    }
    search(aggregation, aggregations)
}

/// The body of the request for the number of different values of the fields at these positions.
///
/// # Errors
/// When a fragment is too long.
pub(super) fn distinct_body(
    aggregation: &Aggregation,
    share: Option<f64>,
    positions: &[usize],
) -> Result<Value, String> {
    let mut tops = Map::new();
    for position in positions {
        if let Some(top) = aggregation.top.get(*position) {
            add_top(&mut tops, *position, distinct_values(&top.field));
        }
    }
    search(aggregation, in_sample(share, tops))
}

/// The earliest and the latest timestamp.
fn time() -> Map<String, Value> {
    let of = |statistic: &str| json!({statistic: {"field": TIMESTAMP_MICROS}});
    Map::from_iter([("earliest".to_owned(), of("min")), ("latest".to_owned(), of("max"))])
}

/// Aggregations of all entries, or those of a sample.
fn in_sample(share: Option<f64>, aggregations: Map<String, Value>) -> Map<String, Value> {
    match share {
        None => aggregations,
        Some(share) => {
            let sample = json!({"filter": sample(share), "aggs": aggregations});
            Map::from_iter([(SAMPLE.to_owned(), sample)])
        }
    }
}

/// Adds the aggregations of a field. Within an aggregation of their own they would be slower.
fn add_top(tops: &mut Map<String, Value>, position: usize, aggregations: Map<String, Value>) {
    let prefix = top_prefix(position);
    tops.extend(aggregations.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)));
}

/// A search that returns no hits.
fn search(aggregation: &Aggregation, aggregations: Map<String, Value>) -> Result<Value, String> {
    let mut body = json!({
        "query": query::condition(&aggregation.condition)?,
        "size": 0,
        "track_total_hits": true,
        "aggs": aggregations,
    });
    query::limit_time(&mut body, &aggregation.condition);
    Ok(body)
}

/// Finds this share of all entries, chosen at random.
fn sample(share: f64) -> Value {
    json!({"function_score": {
        "random_score": {"seed": SEED, "field": "_seq_no"},
        "boost_mode": "replace",
        "min_score": 1.0 - share,
    }})
}

/// The number of values of each field to request. If all of a field's values are listed, their number
/// and counts are exact.
fn list_size(fields: usize) -> usize {
    (MAX_LISTED / fields.max(1)).min(LISTED_PER_FIELD)
}

/// The start of the names of the aggregations of a field.
pub(super) fn top_prefix(position: usize) -> String {
    format!("top_{position}_")
}

/// The ends of their names.
pub(super) const TOP_NAMES: [&str; 6] =
    ["texts", "numbers", "constants", "entries", "distinct_texts", "distinct_numbers"];

/// The name of the aggregation with the entries of each group.
pub(super) const GROUPS: &str = "groups";

/// The most common values of a field.
fn values(field: &Field, size: usize) -> Result<Map<String, Value>, String> {
    let terms =
        |column: &str| json!({"terms": {"field": column, "size": size, "shard_size": 4 * size}});
    let Field::Attribute(path) = field else {
        return Ok(Map::from_iter([("texts".to_owned(), terms(keyword(field)))]));
    };
    let [text_column, number_column] = columns(path);
    let exists = |column: &str| json!({"exists": {"field": column}});
    let has_value = [exists(&text_column), exists(&number_column), has_constant(path)?];
    Ok(Map::from_iter([
        ("texts".to_owned(), terms(&text_column)),
        ("numbers".to_owned(), terms(&number_column)),
        ("constants".to_owned(), constants(path)?),
        ("entries".to_owned(), json!({"filter": {"bool": {"should": has_value}}})),
    ]))
}

/// The number of different values of a field, except constants.
fn distinct_values(field: &Field) -> Map<String, Value> {
    let Field::Attribute(path) = field else {
        return Map::from_iter([("distinct_texts".to_owned(), distinct(keyword(field)))]);
    };
    let [text_column, number_column] = columns(path);
    Map::from_iter([
        ("distinct_texts".to_owned(), distinct(&text_column)),
        ("distinct_numbers".to_owned(), distinct(&number_column)),
    ])
}

fn attribute(path: &str, test: AttributeTest) -> Condition {
    Condition::Attribute(Attribute { path: path.to_owned(), test })
}

/// The measure of a group in each bucket, and of the whole group.
fn series(histogram: &Histogram) -> Result<Map<String, Value>, String> {
    let starts = histogram.boundaries.iter().zip(histogram.boundaries.iter().skip(1));
    let ranges: Vec<Value> = starts
        .map(|(start, end)| json!({"from": start.as_micros(), "to": end.as_micros()}))
        .collect();
    let measures = measures(&histogram.measure)?;
    let mut series = measures.clone();
    if histogram.newest > 0 {
        series.extend(time());
        let newest = json!({"top_hits": {
            "size": histogram.newest,
            "sort": query::sort(Sort::Newest),
            "_source": ID_AND_MESSAGE,
        }});
        series.insert("newest".to_owned(), newest);
    }
    if !ranges.is_empty() {
        let buckets = json!({
            "range": {"field": TIMESTAMP_MICROS, "ranges": ranges},
            "aggs": measures,
        });
        series.insert("buckets".to_owned(), buckets);
    }
    Ok(series)
}

/// The aggregations that contain a measure, besides the number of entries.
fn measures(measure: &Measure) -> Result<Map<String, Value>, String> {
    Ok(match measure {
        Measure::Count => Map::new(),
        Measure::Distinct(field) => {
            let mut measures = distinct_values(field);
            if let Field::Attribute(path) = field {
                measures.insert("constants".to_owned(), constants(path)?);
            }
            measures
        }
        Measure::Numbers(statistic, path) => {
            let [_, column] = columns(path);
            let of_column = json!({"field": column});
            let measure = match statistic {
                Statistic::Sum => json!({"sum": of_column}),
                Statistic::Average => json!({"avg": of_column}),
                Statistic::Minimum => json!({"min": of_column}),
                Statistic::Maximum => json!({"max": of_column}),
                Statistic::Percentile(percent) => json!({
                    "percentiles": {"field": column, "percents": [percent], "keyed": false},
                }),
            };
            Map::from_iter([("measure".to_owned(), measure)])
        }
    })
}

fn distinct(column: &str) -> Value {
    json!({"cardinality": {"field": column, "precision_threshold": PRECISION_THRESHOLD}})
}

/// Finds entries that have a constant, or its text as a string.
fn has_constant(path: &str) -> Result<Value, String> {
    query::condition(&attribute(path, AttributeTest::AnyOf(CONSTANTS.map(str::to_owned).into())))
}

/// The number of entries that have each constant, and do not also have its text as a string.
fn constants(path: &str) -> Result<Value, String> {
    let filters = CONSTANTS.map(|constant| {
        let has_text = attribute(path, AttributeTest::AnyOf(vec![constant.to_owned()]));
        let bound = Bound { value: constant.to_owned(), is_inclusive: true };
        let range = Range { lower: Some(bound.clone()), upper: Some(bound) };
        let is_string = Condition::Not(Box::new(attribute(path, AttributeTest::Strings(range))));
        query::condition(&has_text.and(is_string)).map(|filter| (constant.to_owned(), filter))
    });
    let filters: Map<String, Value> = filters.into_iter().collect::<Result<_, _>>()?;
    // Most entries have none, and one filter is faster than three.
    Ok(json!({
        "filter": has_constant(path)?,
        "aggs": {"each": {"filters": {"filters": filters}}},
    }))
}

fn keyword(field: &Field) -> &'static str {
    match field {
        Field::Level => LEVEL,
        Field::Pattern => PATTERN,
        Field::ServiceName | Field::Attribute(_) => SERVICE_NAME,
    }
}

/// The columns with the texts and the numbers of an attribute.
fn columns(path: &str) -> [String; 2] {
    [STRINGS, NUMBERS].map(|object| format!("{object}.{}", column_name(path)))
}
