//! The response: a page of hits.

use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use shared::LogEntry;
use shared::http::Json;
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
    /// The `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

impl From<SearchHits> for Page {
    fn from(hits: SearchHits) -> Self {
        Self {
            count: hits.entries.len(),
            total: hits.total,
            total_relation: (!hits.total_is_exact).then_some("gte"),
            data: hits.entries,
            next_cursor: hits.next_cursor.map(|cursor| cursor.to_string()),
        }
    }
}

#[derive(ApiResponse)]
pub(crate) enum SearchResponse {
    /// The hits.
    #[oai(status = 200)]
    Hits(Json<Page>),
}
