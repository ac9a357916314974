//! Search: finds entries by their text, fields, attributes and time.
//! `SearchQuery -- index.search --> SearchHits`

mod hint;
mod page;
mod parameters;

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::OpenApi;
use serde_json::json;
use shared::Error;
use shared::http::{
    Filters, Function, Json, PROBLEM_JSON, Problem, ProblemResponse, Problems, Query, Tag,
    document_of,
};
use shared::index::Index;
use tokio::task::spawn_blocking;

use page::{Page, SearchResponse};
use parameters::SearchParameters;

/// The API, and the index that it queries.
pub struct Search {
    index: Arc<dyn Index>,
}

/// The `search` function, ready to serve.
#[must_use]
pub fn function(index: Arc<dyn Index>) -> Function {
    Function::new("search", Search { index: index.clone() }).requires("index", index)
}

/// The function's OpenAPI document.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Search>();
    let schemas = &mut document["components"]["schemas"];
    schemas["SearchPage"]["example"] = json!({
        "count": 1,
        "total": 2,
        "data": [schemas["LogEntry"]["example"]],
        "next_cursor": "AAYa2FrfkkABkBY9hpRzm66llmwm-K2R",
    });
    let range = json!({"start": 5, "end": 13});
    let highlight = json!({"message": [range], "attributes": ["order.id"]});
    let page = &mut schemas["SearchPage"]["properties"];
    page["total_relation"]["example"] = json!("gte");
    page["index"]["example"] = json!("rebuilding");
    page["highlights"]["example"] = json!([highlight]);
    schemas["Highlight"]["example"] = highlight;
    schemas["TextRange"]["example"] = range;
    schemas["Hint"]["example"] = json!({
        "detail": "with fuzzy=true, there are 2 hits",
        "total": 2,
        "fuzzy": true,
    });
    let hint = &mut schemas["Hint"]["properties"];
    hint["q"]["example"] = json!("\"tion time\"");
    hint["without"]["example"] = json!(["from", "to"]);
    let get = &mut document["paths"]["/logs/search"]["get"];
    get["responses"]["400"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::bad_parameter("sort", "must be newest, oldest or relevance"));
    get["responses"]["503"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::from(Error::unavailable("index", "")));
    get["responses"]["200"]["links"]["NextPage"] = json!({
        "operationId": "searchLogs",
        "parameters": {"cursor": "$response.body#/next_cursor"},
        "description": "The next page. The other parameters must be sent again.",
    });
    document
}

#[OpenApi]
impl Search {
    /// Search log entries
    ///
    /// Hits match all of `q`, `service_name`, `level`, `trace_id`, `span_id`, `from` and `to` that
    /// are given; if none is, every entry is a hit. Entries are usually searchable within two
    /// seconds of being saved. Pass `next_cursor` as `cursor` to get the next page.
    #[oai(path = "/logs/search", method = "get", operation_id = "searchLogs", tag = "Tag::Logs")]
    async fn search(
        &self,
        Query(parameters): Query<SearchParameters>,
    ) -> Result<SearchResponse, ProblemResponse<SearchProblems>> {
        let query = parameters.to_query()?;
        let hits = self.index.search(&query).await.map_err(Filters::problem)?;
        let has_hits = hits.total > 0;
        let mut page = Page::from(hits);
        if !has_hits && parameters.cursor.is_none() {
            page = page.with_hint(hint::find(self.index.as_ref(), &parameters).await);
        }
        if !parameters.highlight {
            return Ok(SearchResponse::Hits(Json(page)));
        }
        let highlighted = spawn_blocking(move || page.highlighted(&query.condition)).await;
        let page = highlighted.map_err(|error| Error::failed("highlighting", error))?;
        Ok(SearchResponse::Hits(Json(page)))
    }
}

struct SearchProblems;

impl Problems for SearchProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "A parameter is invalid; `errors` names it."),
        (StatusCode::SERVICE_UNAVAILABLE, "The index is unavailable; retry later."),
    ];
}
