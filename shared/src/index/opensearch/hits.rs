//! From OpenSearch's answer to a page of hits.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::document;
use crate::error::Source;
use crate::log_entry::LogEntry;
use crate::search::{Cursor, SearchHits, SearchQuery, Sort};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
struct Hits<'a> {
    total: Total,
    #[serde(borrow)]
    hits: Vec<Hit<'a>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

#[derive(Deserialize)]
struct Hit<'a> {
    #[serde(borrow, rename = "_source")]
    source: &'a RawValue,
}

/// The page that `query` asks for, by an answer that holds one hit more if there is one.
pub(super) fn page(answer: &[u8], query: &SearchQuery) -> Result<SearchHits, Source> {
    let Answer { hits: Hits { total, hits } } = serde_json::from_slice(answer)?;
    let has_more = hits.len() > query.limit;
    let entries = hits
        .iter()
        .take(query.limit)
        .map(|hit| document::read(hit.source))
        .collect::<Result<Vec<LogEntry>, Source>>()?;
    let next_cursor = match query.sort {
        Sort::Newest | Sort::Oldest if has_more => entries.last().map(Cursor::of),
        _ => None,
    };
    Ok(SearchHits {
        total: total.value.min(SearchHits::MAX_TOTAL),
        total_is_exact: total.value <= SearchHits::MAX_TOTAL,
        entries,
        next_cursor,
    })
}
