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

/// The function: the index that it asks.
pub struct Search {
    index: Arc<dyn Index>,
}

/// The function `search`, ready to be served.
#[must_use]
pub fn function(index: Arc<dyn Index>) -> Function {
    Function::new("search", Search { index: index.clone() }).requires("index", index)
}

/// What the function answers, as an OpenAPI document.
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
    /// At least one of `q`, `service_name`, `level`, `from` and `to` is needed; an entry must fit
    /// all that are given. An entry is found within two seconds of being saved. Follow
    /// `next_cursor` for the next page.
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the OpenAPI document")]
    #[oai(path = "/logs/search", method = "get", operation_id = "searchLogs", tag = "Tag::Logs")]
    async fn search(
        &self,
        /// Words, all of which the entry must have in its message, service name or level, in any
        /// case. A word with punctuation inside (`payment-service`, `10.0.0.1`) matches its parts
        /// side by side.
        #[oai(validator(max_length = "1024"))]
        q: Query<Option<String>>,
        /// Take words of 3 to 5 characters with one wrong letter, and longer ones with two.
        #[oai(default)]
        fuzzy: Query<bool>,
        /// The exact service name.
        service_name: Query<Option<String>>,
        /// The level; synonyms are understood (`err` is `ERROR`).
        level: Query<Option<String>>,
        /// Not before this time (RFC 3339).
        from: Query<Option<String>>,
        /// Before this time (RFC 3339).
        to: Query<Option<String>>,
        /// The order of the answer.
        #[oai(default)]
        sort: Query<Sort>,
        /// The most entries to answer, 1 to 1000.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<usize>,
        /// Where to go on: `next_cursor` of the page before. Not with `sort=relevance`.
        cursor: Query<Option<String>>,
    ) -> Result<SearchResponse, ProblemResponse<SearchProblems>> {
        let query = SearchQuery {
            text: text(q.0),
            fuzzy: *fuzzy,
            service_name: parse("service_name", service_name.0, ServiceName::try_from)?,
            level: parse("level", level.0, level_name)?,
            from: parse("from", from.0, |text| Timestamp::parse(&text))?,
            to: parse("to", to.0, |text| Timestamp::parse(&text))?,
            sort: *sort,
            limit: *limit,
            cursor: parse("cursor", cursor.0, |text| Cursor::from_str(&text))?,
        };
        check(&query)?;
        let hits = self.index.search(&query).await?;
        Ok(SearchResponse::Hits(Json(Page::of(hits))))
    }
}

fn default_limit() -> usize {
    100
}

/// The text to search for; a blank one is none.
fn text(q: Option<String>) -> Option<String> {
    q.filter(|text| !text.trim().is_empty())
}

/// The level that the text means; an entry's empty one would be `INFO`.
fn level_name(text: String) -> Result<Level, &'static str> {
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

fn check(query: &SearchQuery) -> Result<(), Problem> {
    let asks_for_something = query.text.is_some()
        || query.service_name.is_some()
        || query.level.is_some()
        || query.from.is_some()
        || query.to.is_some();
    if !asks_for_something {
        let detail = "give at least one of q, service_name, level, from and to";
        return Err(Problem::bad_parameter("q", detail));
    }
    if query.sort == Sort::Relevance && query.cursor.is_some() {
        return Err(Problem::bad_parameter("cursor", "does not go with sort=relevance"));
    }
    Ok(())
}

struct SearchProblems;

impl Problems for SearchProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "A parameter is wrong: `errors` names it."),
        (StatusCode::SERVICE_UNAVAILABLE, "The index is away: try again."),
    ];
}
