//! Conditions on attributes as OpenSearch queries.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::document::{ATTR, NUMBERS, STRINGS, column_name, escaped_path};
use crate::query::{Attribute, AttributeTest, Range};

/// The query for a condition on an attribute.
pub(super) fn query(attribute: &Attribute) -> Value {
    let Attribute { path, test } = attribute;
    match test {
        AttributeTest::AnyOf(values) => {
            let path = escaped_path(path);
            let texts = values.iter().map(|value| format!("{path}={value}"));
            json!({"terms": {ATTR: texts.collect::<Vec<String>>()}})
        }
        AttributeTest::Prefix(stem) => {
            json!({"prefix": {ATTR: format!("{}={stem}", escaped_path(path))}})
        }
        AttributeTest::Exists => exists(path),
        AttributeTest::Numbers(numbers) => {
            // Turns -0 into 0, as in documents.
            range(NUMBERS, path, numbers, |number| number + 0.0)
        }
        AttributeTest::Strings(strings) => range(STRINGS, path, strings, String::as_str),
    }
}

/// The query for any value at a path, or inside an object at that path.
fn exists(path: &str) -> Value {
    let path = escaped_path(path);
    let values = json!({"prefix": {ATTR: format!("{path}=")}});
    let members = json!({"prefix": {ATTR: format!("{path}.")}});
    json!({"bool": {"should": [values, members]}})
}

fn range<'r, T, V: Serialize>(
    object: &str,
    path: &str,
    range: &'r Range<T>,
    value: impl Fn(&'r T) -> V,
) -> Value {
    let mut bounds = Map::new();
    if let Some(lower) = &range.lower {
        let operator = if lower.is_inclusive { "gte" } else { "gt" };
        bounds.insert(operator.to_owned(), json!(value(&lower.value)));
    }
    if let Some(upper) = &range.upper {
        let operator = if upper.is_inclusive { "lte" } else { "lt" };
        bounds.insert(operator.to_owned(), json!(value(&upper.value)));
    }
    let field = format!("{object}.{}", column_name(path));
    if bounds.is_empty() {
        return json!({"exists": {"field": field}});
    }
    json!({"range": {field: bounds}})
}
