//! Translates a [`SearchQuery`] to an OpenSearch request.

mod attributes;
mod conditions;
mod fragments;
mod words;

use serde_json::{Value, json};

pub(super) use self::conditions::query as condition;
use super::document::{ID, OMITTED_FROM_HITS, TIMESTAMP_MICROS};
use crate::search::{SearchHits, SearchQuery, Sort};

/// The body of the search request, which requests one hit more than fits on the page.
///
/// # Errors
/// When a fragment is too long.
pub(super) fn body(query: &SearchQuery) -> Result<Value, String> {
    let mut body = json!({
        "query": conditions::query(&query.condition)?,
        "sort": sort(query.sort),
        "size": query.limit + 1,
        "track_total_hits": SearchHits::MAX_TOTAL + 1,
        "_source": {"excludes": OMITTED_FROM_HITS},
    });
    if let Some(cursor) = query.cursor {
        body["search_after"] = json!([cursor.timestamp.as_micros(), cursor.id]);
    }
    Ok(body)
}

fn sort(sort: Sort) -> Value {
    let by_time = |order| [json!({TIMESTAMP_MICROS: order}), json!({ID: order})];
    match sort {
        Sort::Newest => json!(by_time("desc")),
        Sort::Oldest => json!(by_time("asc")),
        Sort::Relevance => {
            let [time, id] = by_time("desc");
            json!([{"_score": "desc"}, time, id])
        }
    }
}
