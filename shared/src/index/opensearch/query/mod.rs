//! Translates a [`SearchQuery`] to an OpenSearch request.

mod attributes;
mod conditions;
mod fragments;
mod words;

use serde_json::{Value, json};

pub(super) use self::conditions::query as condition;
use self::fragments::has_fragments;
use super::document::{ID, OMITTED_FROM_HITS, TIMESTAMP_MICROS};
use crate::query::Condition;
use crate::search::{SearchHits, SearchQuery, Sort};

/// How long OpenSearch may look for fragments, which can require it to read many messages.
const FRAGMENTS_TIMEOUT: &str = "5s";

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
    limit_time(&mut body, &query.condition);
    Ok(body)
}

/// Limits the time of a search for fragments.
pub(super) fn limit_time(body: &mut Value, condition: &Condition) {
    if has_fragments(condition) {
        body["timeout"] = json!(FRAGMENTS_TIMEOUT);
    }
}

pub(super) fn sort(sort: Sort) -> Value {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::Timestamp;
    use crate::query::parse;

    #[test]
    fn only_searches_for_fragments_have_a_time_limit() {
        for (text, is_limited) in
            [("a b", false), ("level:info a*", false), ("\"a\"", true), ("a OR -(b \"c\")", true)]
        {
            let condition = parse(text, false, Timestamp::now()).unwrap();
            let body = body(&SearchQuery::new(condition, 1)).unwrap();
            assert_eq!(body.get("timeout").is_some(), is_limited, "{text}");
        }
    }
}
