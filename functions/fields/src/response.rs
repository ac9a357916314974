//! The response.

use poem_openapi::Object;
use serde::Serialize;
use shared::aggregation::{Kinds, TopValues};

/// The fields of the entries that match.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "FieldList", read_only_all)]
pub(crate) struct FieldList {
    /// The number of entries that match.
    pub(crate) total: u64,
    /// The number of entries that were examined: all, or a random sample of about 100,000.
    pub(crate) examined: u64,
    /// The fields that the examined entries have, most common first, then by name.
    pub(crate) fields: Vec<FieldSummary>,
    /// `true` if there are attributes beyond the first 1,000, which are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) truncated: Option<bool>,
    /// `rebuilding` while the index is being built from the store and fields may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) index: Option<&'static str>,
}

/// A field.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "FieldSummary", read_only_all)]
pub(crate) struct FieldSummary {
    /// The name, as in queries.
    pub(crate) name: String,
    /// The JSON types of its values: `string`, `number`, `boolean`, `null`.
    pub(crate) types: Vec<&'static str>,
    /// The share of the examined entries that have it, from 0 to 1.
    pub(crate) share: f64,
    /// The number of different values among the examined entries.
    pub(crate) distinct: u64,
    /// Its most common values, and the number of examined entries with each.
    pub(crate) values: Vec<FieldValue>,
    /// `true` if `share`, `distinct` and the counts are estimates, because not every entry was
    /// examined or there are too many values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) approximate: Option<bool>,
}

/// A value of a field, and how many of the examined entries have it.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "FieldValue", read_only_all)]
pub(crate) struct FieldValue {
    /// The value, written as text.
    value: String,
    /// The number of examined entries.
    count: u64,
}

impl FieldSummary {
    pub(crate) fn new(name: String, found: TopValues, examined: u64, is_sample: bool) -> Self {
        let Kinds { strings, numbers, booleans, nulls } = found.kinds;
        let kinds =
            [(strings, "string"), (numbers, "number"), (booleans, "boolean"), (nulls, "null")];
        let types = kinds.into_iter().filter(|(exists, _)| *exists).map(|(_, name)| name);
        Self {
            name,
            types: types.collect(),
            share: share(found.entries, examined),
            distinct: found.distinct,
            values: found
                .values
                .into_iter()
                .map(|(value, count)| FieldValue { value, count })
                .collect(),
            approximate: (is_sample || found.is_approximate).then_some(true),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn share(count: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { count as f64 / total as f64 }
}
