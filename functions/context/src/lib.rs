//! Context: returns the entries around an entry, of the same service or trace.
//! `index.search before and after the entry's position --> Neighbours`

mod parameters;

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;
use serde_json::json;
use shared::http::{
    Function, IndexState, Json, PROBLEM_JSON, PathId, Problem, ProblemResponse, Problems, Query,
    Tag, document_of, missing_entry, rebuilding,
};
use shared::index::Index;
use shared::query::{Condition, Keyword, KeywordTest, TimeRange};
use shared::search::{Cursor, SearchHits, SearchQuery, Sort};
use shared::{Error, LogEntry, Timestamp};
use tokio::try_join;

use parameters::{ContextParameters, Scope};

/// The API, and the index that it queries.
pub struct Context {
    index: Arc<dyn Index>,
}

/// The function `context`, ready to be served.
#[must_use]
pub fn function(index: Arc<dyn Index>) -> Function {
    Function::new("context", Context { index: index.clone() }).requires("index", index)
}

/// The OpenAPI document of the function.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Context>();
    let schemas = &mut document["components"]["schemas"];
    let entry = schemas["LogEntry"]["example"].clone();
    let context = &mut schemas["LogContext"];
    context["example"] = json!({"position": 0, "data": [entry]});
    for cursor in ["before_cursor", "after_cursor"] {
        context["properties"][cursor]["example"] = json!("AAYa2FrfkkABkBY9hpRzm66llmwm-K2R");
    }
    context["properties"]["index"]["example"] = json!("rebuilding");
    let get = &mut document["paths"]["/logs/{id}/context"]["get"];
    get["responses"]["404"]["headers"] = json!({
        "Retry-After": {"$ref": "#/components/headers/RetryAfter"},
    });
    get["responses"]["400"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::bad_parameter("scope", "must be service or trace"));
    get["responses"]["503"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::from(Error::unavailable("index", "")));
    document
}

/// An entry and its neighbours.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "LogContext", read_only_all)]
struct Neighbours {
    /// The position of the entry in `data`, starting at 0.
    position: usize,
    /// The entries before the entry, the entry, and the entries after it, by timestamp, then id. A
    /// side has fewer than requested if there are no more, or if they exceed 8 MiB; in the latter
    /// case, there is a cursor for more.
    data: Vec<LogEntry>,
    /// The `cursor` for earlier entries, for a search with the same `service_name` or `trace_id`
    /// and `sort=newest`; absent if there are none, or `before` is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    before_cursor: Option<String>,
    /// The `cursor` for later entries, for a search with the same `service_name` or `trace_id` and
    /// `sort=oldest`; absent if there are none yet, or `after` is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    after_cursor: Option<String>,
    /// `rebuilding` while the index is being built from the store and entries may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    index: Option<IndexState>,
}

#[OpenApi]
impl Context {
    /// Get the entries around a log entry
    ///
    /// Returns the entries immediately before and after an entry, of the same service or trace, in
    /// the order of their timestamps. An entry has a context as soon as it is searchable, usually
    /// within two seconds of being saved.
    #[oai(
        path = "/logs/:id/context",
        method = "get",
        operation_id = "getLogContext",
        tag = "Tag::Logs"
    )]
    async fn context(
        &self,
        /// The entry's id.
        id: Path<PathId>,
        Query(parameters): Query<ContextParameters>,
    ) -> Result<ContextResponse, ProblemResponse<ContextProblems>> {
        let now = Timestamp::now();
        // No entry has an invalid id, so the response is 404 rather than 400.
        let PathId(Some(id)) = *id else { return Err(missing_entry(None, now).into()) };
        let found = self.index.search(&SearchQuery::new(Condition::Id(id), 1)).await?;
        let is_rebuilding = found.is_rebuilding;
        let Some(entry) = found.entries.into_iter().next() else {
            return Err(if is_rebuilding { rebuilding() } else { missing_entry(Some(id), now) })?;
        };
        let (before, after) = match scope_of(&entry, parameters.scope) {
            Some(scope) => try_join!(
                self.neighbours(&entry, &scope, Sort::Newest, parameters.before),
                self.neighbours(&entry, &scope, Sort::Oldest, parameters.after),
            )?,
            None => Default::default(),
        };
        Ok(ContextResponse::Found(Json(Neighbours::new(before, entry, after, is_rebuilding))))
    }
}

impl Context {
    /// The entries that follow `entry` in this order, closest first.
    async fn neighbours(
        &self,
        entry: &LogEntry,
        scope: &Condition,
        sort: Sort,
        limit: usize,
    ) -> Result<SearchHits, Error> {
        let cursor = Cursor::of(entry);
        if limit == 0 {
            return Ok(SearchHits::default());
        }
        // The cursor alone would do, but an index compares fewer entries within a time range.
        let time = match sort {
            Sort::Oldest => TimeRange { from: Some(cursor.timestamp), to: None },
            _ => TimeRange { from: None, to: after(cursor.timestamp) },
        };
        let condition = scope.clone().and(Condition::Timestamp(time));
        let query = SearchQuery { condition, sort, limit, cursor: Some(cursor) };
        self.index.search(&query).await
    }
}

/// The first time after this one; `None` after the last.
fn after(time: Timestamp) -> Option<Timestamp> {
    Timestamp::from_micros(time.as_micros() + 1)
}

/// The condition that the neighbours of the entry meet; `None` if it has no trace.
fn scope_of(entry: &LogEntry, scope: Scope) -> Option<Condition> {
    let (field, value) = match scope {
        Scope::Service => (Keyword::ServiceName, entry.service_name.as_str()),
        Scope::Trace => (Keyword::TraceId, entry.trace_id.as_ref()?.as_str()),
    };
    Some(Condition::Keyword(field, KeywordTest::AnyOf(vec![value.to_owned()])))
}

impl Neighbours {
    fn new(before: SearchHits, entry: LogEntry, after: SearchHits, is_rebuilding: bool) -> Self {
        let position = before.entries.len();
        let earlier = before.entries.into_iter().rev();
        Self {
            position,
            data: earlier.chain([entry]).chain(after.entries).collect(),
            before_cursor: before.next_cursor.map(|cursor| cursor.to_string()),
            after_cursor: after.next_cursor.map(|cursor| cursor.to_string()),
            index: is_rebuilding.then_some(IndexState::Rebuilding),
        }
    }
}

#[derive(ApiResponse)]
enum ContextResponse {
    /// The entry and its neighbours.
    #[oai(status = 200)]
    Found(Json<Neighbours>),
}

struct ContextProblems;

impl Problems for ContextProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "`before`, `after` or `scope` is invalid; `errors` names it."),
        (
            StatusCode::NOT_FOUND,
            "No searchable entry has this id. With `Retry-After`, it may still be on the queue.",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The index is unavailable, or it is being built and does not contain the entry; retry \
             later.",
        ),
    ];
}
