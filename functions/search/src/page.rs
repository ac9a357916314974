//! The response: a page of hits.

use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use shared::LogEntry;
use shared::http::{IndexState, Json};
use shared::query::{Condition, Highlight};
use shared::search::SearchHits;

/// A page of hits.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "SearchPage", read_only_all)]
pub(crate) struct Page {
    /// The number of entries on this page.
    count: usize,
    /// The number of entries on all pages, at most 10,000.
    total: u64,
    /// `gte` if there are more than `total` entries; absent if `total` is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    total_relation: Option<&'static str>,
    /// The entries of this page, in order.
    data: Vec<LogEntry>,
    /// The matches in each entry in `data`, in the same order; only with `highlight=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    highlights: Option<Vec<Highlighted>>,
    /// A similar query that has hits; only if this query has none, and such a query was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    hint: Option<Hint>,
    /// The `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
    /// `rebuilding` while the index is being built from the store and hits may be missing;
    /// otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    index: Option<IndexState>,
}

/// The matches in an entry.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "Highlight", read_only_all)]
pub(crate) struct Highlighted {
    /// The parts of the message that matched, in order; at most 100.
    message: Vec<TextRange>,
    /// The dotted paths of the attributes that matched, sorted.
    attributes: Vec<String>,
}

/// A range of text, in characters (Unicode code points), starting at 0.
#[derive(Debug, Serialize, Object)]
#[oai(read_only_all)]
pub(crate) struct TextRange {
    /// The position of the first character.
    start: usize,
    /// The position after the last character.
    end: usize,
}

/// A similar query that has hits.
#[derive(Debug, Serialize, Object)]
#[oai(read_only_all)]
pub(crate) struct Hint {
    /// The change, and the number of hits for the changed query.
    pub(crate) detail: String,
    /// The number of hits for the changed query, at most 10,000.
    pub(crate) total: u64,
    /// The `q` of the changed query; absent if `q` is unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) q: Option<String>,
    /// `true` if the changed query adds `fuzzy=true`; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) fuzzy: Option<bool>,
    /// The parameters that the changed query leaves out; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(crate) without: Option<Vec<&'static str>>,
}

impl Page {
    /// Adds the matches in each entry.
    pub(crate) fn highlighted(mut self, condition: &Condition) -> Self {
        let highlights = self.data.iter().map(|entry| Highlight::of(condition, entry).into());
        self.highlights = Some(highlights.collect());
        self
    }

    /// Adds a similar query that has hits, if there is one.
    pub(crate) fn with_hint(self, hint: Option<Hint>) -> Self {
        Self { hint, ..self }
    }
}

impl From<Highlight> for Highlighted {
    fn from(highlight: Highlight) -> Self {
        let ranges = highlight.message.into_iter();
        Self {
            message: ranges.map(|range| TextRange { start: range.start, end: range.end }).collect(),
            attributes: highlight.attributes,
        }
    }
}

impl From<SearchHits> for Page {
    fn from(hits: SearchHits) -> Self {
        Self {
            count: hits.entries.len(),
            total: hits.total,
            total_relation: (!hits.total_is_exact).then_some("gte"),
            data: hits.entries,
            highlights: None,
            hint: None,
            next_cursor: hits.next_cursor.map(|cursor| cursor.to_string()),
            index: hits.is_rebuilding.then_some(IndexState::Rebuilding),
        }
    }
}

#[derive(ApiResponse)]
pub(crate) enum SearchResponse {
    /// The hits.
    #[oai(status = 200)]
    Hits(Json<Page>),
}
