//! Search: finds entries by their text, service, level and time.
//! `SearchQuery -- index.search --> SearchHits`

mod page;

use std::{str::FromStr, sync::Arc};

use poem::http::StatusCode;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use shared::http::{Function, Json, Problem, ProblemResponse, Problems, Tag, document_of};
use shared::index::Index;
use shared::log_entry::ServiceName;
use shared::search::{Cursor, SearchQuery, Sort};
use shared::{Level, Timestamp};

use page::{Page, SearchResponse};

/// The API, and the index that it queries.
pub struct Search {
    index: Arc<dyn Index>,
}

/// The function `search`, ready to be served.
#[must_use]
pub fn function(index: Arc<dyn Index>) -> Function {
    Function::new("search", Search { index: index.clone() }).requires("index", index)
}

/// The OpenAPI document of the function.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Search>();
    let parameters = &mut document["paths"]["/logs/search"]["get"]["parameters"];
    for parameter in parameters.as_array_mut().into_iter().flatten() {
        let example = match parameter["name"].as_str() {
            Some("q") => "connection timeout",
            Some("service_name") => "payment-service",
            Some("level") => "error",
            Some("from") => "2024-06-14T12:00:00Z",
            Some("to") => "2024-06-15T12:00:00+02:00",
            _ => continue,
        };
        parameter["example"] = example.into();
        if example.contains('T') {
            parameter["schema"]["format"] = "date-time".into();
        }
    }
    document
}

#[OpenApi]
impl Search {
    /// Search log entries
    ///
    /// At least one of `q`, `service_name`, `level`, `from` and `to` is required; hits match all
    /// that are given. Entries are searchable within two seconds of being saved. Pass
    /// `next_cursor` as `cursor` to get the next page.
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the OpenAPI document")]
    #[oai(path = "/logs/search", method = "get", operation_id = "searchLogs", tag = "Tag::Logs")]
    async fn search(
        &self,
        /// Words, all of which must occur in the entry's message, service name or level, in any
        /// case. A word with inner punctuation (`payment-service`, `10.0.0.1`) matches its parts
        /// as a phrase.
        #[oai(validator(max_length = "1024"))]
        q: Query<Option<String>>,
        /// Tolerate one typo in words of 3 to 5 characters, and two in longer ones.
        #[oai(default)]
        fuzzy: Query<bool>,
        /// The exact service name.
        service_name: Query<Option<String>>,
        /// The level or a synonym of it: `err` means `ERROR`.
        level: Query<Option<String>>,
        /// The earliest timestamp, inclusive (RFC 3339).
        from: Query<Option<String>>,
        /// The latest timestamp, exclusive (RFC 3339).
        to: Query<Option<String>>,
        /// The order of the hits.
        #[oai(default)]
        sort: Query<Sort>,
        /// The maximum number of entries on a page, 1 to 1000.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<usize>,
        /// The `next_cursor` of the previous page. Not supported with `sort=relevance`.
        cursor: Query<Option<String>>,
    ) -> Result<SearchResponse, ProblemResponse<SearchProblems>> {
        let query = SearchQuery {
            text: q.0.filter(|text| !text.trim().is_empty()),
            fuzzy: *fuzzy,
            service_name: parse("service_name", service_name.0, ServiceName::try_from)?,
            level: parse("level", level.0, parse_level)?,
            from: parse("from", from.0, |text| Timestamp::parse(&text))?,
            to: parse("to", to.0, |text| Timestamp::parse(&text))?,
            sort: *sort,
            limit: *limit,
            cursor: parse("cursor", cursor.0, |text| Cursor::from_str(&text))?,
        };
        validate(&query)?;
        let hits = self.index.search(&query).await?;
        Ok(SearchResponse::Hits(Json(Page::from(hits))))
    }
}

fn default_limit() -> usize {
    100
}

/// Rejects an empty level, which would mean `INFO` in an entry.
fn parse_level(text: String) -> Result<Level, &'static str> {
    if text.trim().is_empty() { Err("must not be empty") } else { Ok(Level::parse(&text)) }
}

fn parse<T, E: Into<String>>(
    name: &str,
    text: Option<String>,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    let parsed = text.map(parse).transpose();
    parsed.map_err(|detail| Problem::bad_parameter(name, detail))
}

fn validate(query: &SearchQuery) -> Result<(), Problem> {
    let has_condition = query.text.is_some()
        || query.service_name.is_some()
        || query.level.is_some()
        || query.from.is_some()
        || query.to.is_some();
    if !has_condition {
        let detail = "at least one of q, service_name, level, from and to is required";
        return Err(Problem::bad_parameter("q", detail));
    }
    if query.sort == Sort::Relevance && query.cursor.is_some() {
        return Err(Problem::bad_parameter("cursor", "is not supported with sort=relevance"));
    }
    Ok(())
}

struct SearchProblems;

impl Problems for SearchProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "A parameter is invalid; `errors` names it."),
        (StatusCode::SERVICE_UNAVAILABLE, "The index is unavailable; retry later."),
    ];
}
