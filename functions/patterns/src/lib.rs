//! Patterns: groups entries by the pattern of their messages.
//! `snapshot.aggregate --> templates -- merge --> groups -- snapshot.aggregate --> PatternList`

mod groups;
mod parameters;
mod response;
mod variables;

use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;
use shared::aggregation::{
    Aggregates, Aggregation, Field, Histogram, Measure, Series, Top, TopValues,
};
use shared::http::{
    Filters, Function, IndexState, Json, PROBLEM_JSON, Problem, ProblemResponse, Problems, Query,
    Selection, Tag, document_of, share,
};
use shared::index::Index;
use shared::pattern::PatternId;
use shared::query::{Condition, TimeRange};
use shared::{Error, Timestamp};
use tokio::task::spawn_blocking;

use groups::{Group, groups};
use parameters::PatternsParameters;
use response::{Pattern, PatternList};
use variables::variables;

/// The number of buckets of a sparkline.
const SPARKLINE_BUCKETS: i64 = 30;

/// The number of entries of each pattern whose values are collected.
const EXAMPLES: usize = 10;

/// The maximum number of entries of all patterns whose values are collected, if there are many
/// patterns.
const MAX_EXAMPLES: usize = 1000;

/// The number of entries of each pattern whose ids are returned.
const EXAMPLE_IDS: usize = 3;

/// The number of ids that fit a query.
const MAX_QUERY_IDS: usize = 50;

/// The API, and the index that it queries.
pub struct Patterns {
    index: Arc<dyn Index>,
}

/// The function `patterns`, ready to be served.
#[must_use]
pub fn function(index: Arc<dyn Index>) -> Function {
    Function::new("patterns", Patterns { index: index.clone() }).requires("index", index)
}

/// The OpenAPI document of the function.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Patterns>();
    let schemas = &mut document["components"]["schemas"];
    let variable = json!({"placeholder": "<number>", "values": ["1042", "1041"]});
    let mut sparkline = vec![0; 30];
    sparkline[29] = 2;
    let pattern = json!({
        "template": "order <number> failed",
        "q": "pattern:3f2a9bc41d0e5f67",
        "templates": 1,
        "count": 2,
        "share": 0.5,
        "first_seen": "2024-06-14T12:09:58.000000Z",
        "last_seen": "2024-06-14T12:09:59.000000Z",
        "sparkline": sparkline,
        "example_ids": ["0190163d-8694-739b-aea5-966c26f8ad91"],
        "variables": [variable],
    });
    schemas["PatternList"]["example"] = json!({
        "total": 4,
        "from": "2024-06-14T12:00:00.000000Z",
        "to": "2024-06-14T12:10:00.000000Z",
        "patterns": [pattern],
        "other": 2,
    });
    let properties = &mut schemas["PatternList"]["properties"];
    properties["approximate"]["example"] = json!(true);
    properties["index"]["example"] = json!("rebuilding");
    schemas["LogPattern"]["example"] = pattern;
    schemas["PatternVariable"]["example"] = variable;
    let get = &mut document["paths"]["/logs/patterns"]["get"];
    get["responses"]["400"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::bad_parameter("limit", "must be a whole number from 1 to 1000"));
    get["responses"]["503"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::from(Error::unavailable("index", "")));
    document
}

#[OpenApi]
impl Patterns {
    /// Group log entries by the pattern of their messages
    ///
    /// Numbers, ids, addresses, times and other values in a message are replaced by placeholders, and
    /// entries with the same template are counted. Similar templates are merged. With `new_since`,
    /// only patterns that did not occur before are returned. The first line of a message counts, up
    /// to 1,024 bytes.
    #[oai(
        path = "/logs/patterns",
        method = "get",
        operation_id = "listLogPatterns",
        tag = "Tag::Logs"
    )]
    async fn patterns(
        &self,
        Query(parameters): Query<PatternsParameters>,
    ) -> Result<PatternsResponse, ProblemResponse<PatternsProblems>> {
        let selection = Selection::open(self.index.as_ref(), &parameters.filters).await?;
        let request = Request { selection, parameters: &parameters };
        Ok(PatternsResponse::Patterns(Json(request.list().await?)))
    }
}

/// A request, and the entries that match its filters.
struct Request<'a> {
    selection: Selection,
    parameters: &'a PatternsParameters,
}

impl Request<'_> {
    async fn list(&self) -> Result<PatternList, Problem> {
        let time = self.parameters.filters.time;
        let (found, now) = self.templates(time).await?;
        let before =
            self.parameters.new_since.map(|since| TimeRange { from: None, to: Some(since) });
        let earlier = match before {
            Some(before) => self.templates(before).await?.1,
            None => TopValues::default(),
        };
        let is_earlier_cut = is_cut(&earlier);
        let is_approximate = is_earlier_cut || is_cut(&now);
        let mut groups = run(move || groups(&now, &earlier)).await?;
        if let Some(before) = before.filter(|_| is_earlier_cut) {
            groups.truncate(parameters::MAX_LIMIT as usize);
            groups = self.without_earlier(groups, before).await?;
        }
        groups.truncate(self.parameters.limit);
        let range = time.or_of(found.time);
        let patterns = self.describe(groups, range, found.total).await?;
        let listed: u64 = patterns.iter().map(|pattern| pattern.count).sum();
        Ok(PatternList {
            total: found.total,
            from: range.from,
            to: range.to,
            patterns,
            other: found.total.saturating_sub(listed),
            approximate: is_approximate.then_some(true),
            index: found.is_rebuilding.then_some(IndexState::Rebuilding),
        })
    }

    /// The most common templates in a range of time, and the other results.
    async fn templates(&self, time: TimeRange) -> Result<(Aggregates, TopValues), Problem> {
        let top = vec![Top { field: Field::Pattern, limit: Top::MAX_LIMIT }];
        let has_time = time.bounds().is_none();
        let aggregation = Aggregation { has_time, top, ..self.selection.within(time) };
        let found = self.selection.aggregate(&aggregation).await;
        let mut found = found.map_err(Filters::problem)?;
        let templates = found.top.pop().unwrap_or_default();
        Ok((found, templates))
    }

    async fn count(&self, time: TimeRange, histogram: Histogram) -> Result<Vec<Series>, Problem> {
        let aggregation = Aggregation { histogram: Some(histogram), ..self.selection.within(time) };
        let found = self.selection.aggregate(&aggregation).await;
        Ok(found.map_err(Filters::problem)?.series)
    }

    /// Removes the groups that have entries in this earlier range.
    async fn without_earlier(
        &self,
        groups: Vec<Group>,
        before: TimeRange,
    ) -> Result<Vec<Group>, Problem> {
        let series = self.count(before, histogram(&groups, Vec::new(), 0)).await?;
        let new = groups.into_iter().zip(series).filter(|(_, series)| series.total == Some(0.0));
        Ok(new.map(|(group, _)| group).collect())
    }

    async fn describe(
        &self,
        groups: Vec<Group>,
        range: TimeRange,
        total: u64,
    ) -> Result<Vec<Pattern>, Problem> {
        let Some((from, to)) = range.bounds().filter(|_| !groups.is_empty()) else {
            return Ok(Vec::new());
        };
        let examples = (MAX_EXAMPLES / groups.len()).clamp(EXAMPLE_IDS, EXAMPLES);
        let histogram = histogram(&groups, boundaries(from, to), examples);
        let series = self.count(self.parameters.filters.time, histogram).await?;
        run(move || {
            let described = groups.into_iter().zip(series);
            described.filter_map(|(group, series)| describe(group, series, total)).collect()
        })
        .await
    }
}

/// Runs work that would block the other requests for too long.
async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let result = spawn_blocking(work).await;
    result.map_err(|error| Error::rejected("patterns", error).into())
}

/// Whether there are templates that are not listed.
fn is_cut(found: &TopValues) -> bool {
    found.other > 0 || found.is_approximate
}

/// Counts the entries of each group.
fn histogram(groups: &[Group], boundaries: Vec<Timestamp>, newest: usize) -> Histogram {
    let groups = groups.iter().map(|group| Condition::Patterns(group.members.clone()));
    let groups = groups.collect();
    Histogram { boundaries, groups, has_other: false, measure: Measure::Count, newest }
}

/// The boundaries of equal parts of a range.
fn boundaries(from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    // Each part is at least a microsecond long.
    let length = (to.as_micros() - from.as_micros()).max(SPARKLINE_BUCKETS);
    let start = from.as_micros();
    let boundary = |part| {
        start
            + length / SPARKLINE_BUCKETS * part
            + length % SPARKLINE_BUCKETS * part / SPARKLINE_BUCKETS
    };
    (0..=SPARKLINE_BUCKETS).map(boundary).map(Timestamp::saturating_from_micros).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole numbers far below 2^53"
)]
fn describe(group: Group, series: Series, total: u64) -> Option<Pattern> {
    let (first_seen, last_seen) = series.time?;
    let ids = group.members.iter().take(MAX_QUERY_IDS).map(PatternId::to_string);
    let ids: Vec<String> = ids.collect();
    let q = match ids.as_slice() {
        [id] => format!("pattern:{id}"),
        ids => format!("pattern:({})", ids.join(" OR ")),
    };
    Some(Pattern {
        q,
        templates: group.members.len(),
        count: group.count,
        share: share(group.count, total),
        first_seen,
        last_seen,
        sparkline: series.values.iter().map(|count| count.unwrap_or_default() as u64).collect(),
        example_ids: series.newest.iter().take(EXAMPLE_IDS).map(|entry| entry.id).collect(),
        variables: variables(&group.template, &series.newest),
        template: group.template,
    })
}

#[derive(ApiResponse)]
enum PatternsResponse {
    /// The patterns.
    #[oai(status = 200)]
    Patterns(Json<PatternList>),
}

struct PatternsProblems;

impl Problems for PatternsProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (
            StatusCode::BAD_REQUEST,
            "A filter, `limit` or `new_since` is invalid; `errors` names it.",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The index is unavailable or does not respond within 10 s, so patterns cannot be \
             counted; retry later.",
        ),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_thirty_equal_parts() {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let parts = boundaries(at(100), at(160));
        assert_eq!((parts[0], parts[1], parts[30], parts.len()), (at(100), at(102), at(160), 31));
        assert_eq!(boundaries(at(5), at(5)), (5..=35).map(at).collect::<Vec<_>>());
        assert_eq!(boundaries(at(0), Timestamp::MAX)[30], Timestamp::MAX);
    }
}
