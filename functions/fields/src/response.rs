//! The response.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use shared::aggregation::{Kinds, TopValues};
use shared::http::{IndexState, ValueCount, share};

/// The fields of the entries that match.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "FieldList", read_only_all)]
pub(crate) struct FieldList {
    /// The number of entries that match.
    pub(crate) total: u64,
    /// The number of entries that were examined: all, or a random sample of about 50,000 to 100,000.
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
    pub(crate) index: Option<IndexState>,
}

/// A field.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "FieldSummary", read_only_all)]
pub(crate) struct FieldSummary {
    /// The name, as in queries.
    pub(crate) name: String,
    /// The JSON types of its values.
    pub(crate) types: Vec<FieldType>,
    /// The share of the examined entries that have it, from 0 to 1.
    pub(crate) share: f64,
    /// The number of different values among the examined entries.
    pub(crate) distinct: u64,
    /// Its most common values, and the number of examined entries with each.
    pub(crate) values: Vec<ValueCount>,
    /// `true` if `share`, `distinct` and the counts are estimates, because not every entry was
    /// examined or there are too many values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) approximate: Option<bool>,
}

/// The JSON type of a value.
#[derive(Debug, Clone, Copy, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub(crate) enum FieldType {
    /// A string.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`.
    Null,
}

impl FieldSummary {
    pub(crate) fn new(name: String, found: TopValues, examined: u64, is_sample: bool) -> Self {
        let Kinds { strings, numbers, booleans, nulls } = found.kinds;
        let types = [
            (strings, FieldType::String),
            (numbers, FieldType::Number),
            (booleans, FieldType::Boolean),
            (nulls, FieldType::Null),
        ];
        let types = types.into_iter().filter(|(exists, _)| *exists).map(|(_, one)| one);
        Self {
            name,
            types: types.collect(),
            share: share(found.entries, examined),
            distinct: found.distinct,
            values: found.values.into_iter().map(ValueCount::from).collect(),
            approximate: (is_sample || found.is_approximate).then_some(true),
        }
    }
}
