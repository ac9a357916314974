//! The response.

use poem_openapi::Object;
use serde::Serialize;
use shared::http::IndexState;
use shared::{EntryId, Timestamp};

/// The patterns of the entries that match.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "PatternList", read_only_all)]
pub(crate) struct PatternList {
    /// The number of entries that match the filters.
    pub(crate) total: u64,
    /// The start of the range of time, inclusive: the parameter, or else the time of the first entry.
    /// Absent if there is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) from: Option<Timestamp>,
    /// The end of the range of time, exclusive: the parameter, or else just after the last entry. Absent
    /// if there is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) to: Option<Timestamp>,
    /// The patterns, most common first.
    pub(crate) patterns: Vec<Pattern>,
    /// The number of entries with none of these patterns.
    pub(crate) other: u64,
    /// `true` if there are more than 5,000 templates. The rarest are then left out: patterns may be
    /// missing, counts of merged patterns may be too low, and with `new_since`, a pattern may be listed
    /// although rare templates of it occurred before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) approximate: Option<bool>,
    /// `rebuilding` while the index is being built from the store and patterns may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) index: Option<IndexState>,
}

/// Entries whose messages differ only in their values.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "LogPattern", read_only_all)]
pub(crate) struct Pattern {
    /// The message with placeholders for its values, such as `<number>` or `<ip>`. `<*>` stands for
    /// different words of similar templates.
    pub(crate) template: String,
    /// The `q` that finds the entries; add it to the filters. If `templates` is above 50, it finds only
    /// the entries with the 50 most common templates.
    pub(crate) q: String,
    /// The number of similar templates that were merged; 1 if none were.
    pub(crate) templates: usize,
    /// The number of entries with this pattern.
    pub(crate) count: u64,
    /// The share of all entries, from 0 to 1.
    pub(crate) share: f64,
    /// The time of the first entry in the range.
    pub(crate) first_seen: Timestamp,
    /// The time of the last entry in the range.
    pub(crate) last_seen: Timestamp,
    /// The number of entries in each of 30 equal parts of the range.
    pub(crate) sparkline: Vec<u64>,
    /// The ids of the newest entries, at most 3.
    pub(crate) example_ids: Vec<EntryId>,
    /// The values of each placeholder in the newest entries, in the order of the placeholders.
    pub(crate) variables: Vec<Variable>,
}

/// The values of a placeholder.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "PatternVariable", read_only_all)]
pub(crate) struct Variable {
    /// The placeholder, such as `<ip>`.
    pub(crate) placeholder: String,
    /// Different values, newest first; at most 5, each with at most 100 characters.
    pub(crate) values: Vec<String>,
}
