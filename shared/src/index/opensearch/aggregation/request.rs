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

/// Up to this number of different values, their number is almost always exact. Each bucket of each
/// day needs about 8 kB for it.
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
    let mut aggregations = Map::new();
    aggregations.insert("earliest".to_owned(), json!({"min": {"field": TIMESTAMP_MICROS}}));
    aggregations.insert("latest".to_owned(), json!({"max": {"field": TIMESTAMP_MICROS}}));
    let mut tops = Map::new();
    let size = list_size(aggregation.top.len());
    for (position, top) in aggregation.top.iter().enumerate() {
        tops.insert(
            top_name(position),
            json!({"filter": {"match_all": {}}, "aggs": values(&top.field, size.max(top.limit))?}),
        );
    }
    match share {
        None => aggregations.extend(tops),
        Some(share) => {
            let sample = json!({"filter": sample(share), "aggs": tops});
            aggregations.insert(SAMPLE.to_owned(), sample);
        }
    }
    if let Some(histogram) = &aggregation.histogram {
        let groups =
            histogram.groups.iter().map(query::condition).collect::<Result<Vec<_>, _>>()?;
        let groups = if groups.is_empty() { vec![json!({"match_all": {}})] } else { groups };
        for (position, group) in groups.into_iter().enumerate() {
            aggregations
                .insert(group_name(position), json!({"filter": group, "aggs": series(histogram)?}));
        }
    }
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

/// The name of the aggregation with the values of a field.
pub(super) fn top_name(position: usize) -> String {
    format!("top_{position}")
}

/// The name of the aggregation with the entries of a group.
pub(super) fn group_name(position: usize) -> String {
    format!("group_{position}")
}

/// The most common values of a field, and the number of different values.
fn values(field: &Field, size: usize) -> Result<Value, String> {
    let terms =
        |column: &str| json!({"terms": {"field": column, "size": size, "shard_size": 4 * size}});
    let path = match field {
        Field::ServiceName | Field::Level | Field::Pattern => {
            let column = keyword(field);
            return Ok(json!({"texts": terms(column), "distinct_texts": distinct(column)}));
        }
        Field::Attribute(path) => path,
    };
    let [text_column, number_column] = columns(path);
    let [exists_text, exists_number] =
        columns(path).map(|column| json!({"exists": {"field": column}}));
    let mut has_value = vec![exists_text, exists_number];
    let constants = constants(path)?;
    has_value.extend(constants.values().cloned());
    Ok(json!({
        "texts": terms(&text_column),
        "numbers": terms(&number_column),
        "distinct_texts": distinct(&text_column),
        "distinct_numbers": distinct(&number_column),
        "constants": {"filters": {"filters": constants}},
        "entries": {"filter": {"bool": {"should": has_value}}},
    }))
}

/// The measure of a group in each bucket, and of the whole group.
fn series(histogram: &Histogram) -> Result<Value, String> {
    let starts = histogram.boundaries.iter().zip(histogram.boundaries.iter().skip(1));
    let ranges: Vec<Value> = starts
        .map(|(start, end)| json!({"from": start.as_micros(), "to": end.as_micros()}))
        .collect();
    let measures = measures(&histogram.measure)?;
    let mut series = measures.clone();
    series["earliest"] = json!({"min": {"field": TIMESTAMP_MICROS}});
    series["latest"] = json!({"max": {"field": TIMESTAMP_MICROS}});
    if histogram.newest > 0 {
        series["newest"] = json!({"top_hits": {
            "size": histogram.newest,
            "sort": query::sort(Sort::Newest),
            "_source": ID_AND_MESSAGE,
        }});
    }
    if !ranges.is_empty() {
        series["buckets"] = json!({
            "range": {"field": TIMESTAMP_MICROS, "ranges": ranges},
            "aggs": measures,
        });
    }
    Ok(series)
}

/// The aggregations that contain a measure, besides the number of entries.
fn measures(measure: &Measure) -> Result<Value, String> {
    Ok(match measure {
        Measure::Count => json!({}),
        Measure::Distinct(field @ (Field::ServiceName | Field::Level | Field::Pattern)) => {
            json!({"distinct_texts": distinct(keyword(field))})
        }
        Measure::Distinct(Field::Attribute(path)) => {
            let [text_column, number_column] = columns(path);
            json!({
                "distinct_texts": distinct(&text_column),
                "distinct_numbers": distinct(&number_column),
                "constants": {"filters": {"filters": constants(path)?}},
            })
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
            json!({"measure": measure})
        }
    })
}

fn distinct(column: &str) -> Value {
    json!({"cardinality": {"field": column, "precision_threshold": PRECISION_THRESHOLD}})
}

/// For each constant, the condition that an entry has it, and does not also have its text as a string.
fn constants(path: &str) -> Result<Map<String, Value>, String> {
    let filters = CONSTANTS.map(|constant| {
        let test = |test| Condition::Attribute(Attribute { path: path.to_owned(), test });
        let has_text = test(AttributeTest::AnyOf(vec![constant.to_owned()]));
        let bound = Bound { value: constant.to_owned(), is_inclusive: true };
        let range = Range { lower: Some(bound.clone()), upper: Some(bound) };
        let is_string = Condition::Not(Box::new(test(AttributeTest::Strings(range))));
        query::condition(&has_text.and(is_string)).map(|filter| (constant.to_owned(), filter))
    });
    filters.into_iter().collect()
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
