//! Patterns: groups entries by the pattern of their messages.
//! `snapshot.aggregate --> templates -- merge --> groups -- snapshot.aggregate --> PatternList`

mod parameters;
mod response;
mod variables;

use std::collections::HashSet;
use std::sync::Arc;

use poem::http::StatusCode;
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;
use shared::aggregation::{
    Aggregates, Aggregation, Field, Histogram, Measure, Series, Top, TopValues,
};
use shared::http::{
    Filters, Function, Json, PROBLEM_JSON, Problem, ProblemResponse, Problems, Query, Tag,
    document_of,
};
use shared::index::{Index, Snapshot};
use shared::pattern::{PatternId, merge, parse_key};
use shared::query::{Condition, TimeRange};
use shared::{Error, Timestamp};

use parameters::PatternsParameters;
use response::{Pattern, PatternList};
use variables::variables;

/// The number of buckets of a sparkline.
const SPARKLINE_BUCKETS: i64 = 30;

/// The number of entries of each pattern whose values are collected.
const EXAMPLES: usize = 10;

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
        let snapshot = self.index.snapshot().await?;
        let request = Request::new(snapshot.as_ref(), &parameters)?;
        Ok(PatternsResponse::Patterns(Json(request.list().await?)))
    }
}

/// A request, and the view of the index that answers it.
struct Request<'a> {
    snapshot: &'a dyn Snapshot,
    parameters: &'a PatternsParameters,
    /// The condition, without the range of time.
    condition: Condition,
}

/// Templates that were merged into one.
struct Group {
    template: String,
    count: u64,
    members: Vec<PatternId>,
}

impl<'a> Request<'a> {
    fn new(
        snapshot: &'a dyn Snapshot,
        parameters: &'a PatternsParameters,
    ) -> Result<Self, Problem> {
        let filters = Filters { time: TimeRange::default(), ..parameters.filters.clone() };
        Ok(Self { snapshot, parameters, condition: filters.condition()? })
    }

    async fn list(&self) -> Result<PatternList, Problem> {
        let time = self.parameters.filters.time;
        let found = self.aggregate(time, Some(top()), None).await?;
        let mut is_approximate = is_cut(&found);
        let mut groups = groups(&found);
        if let Some(since) = self.parameters.new_since {
            let before = TimeRange { from: None, to: Some(since) };
            let earlier = self.aggregate(before, Some(top()), None).await?;
            is_approximate |= is_cut(&earlier);
            let known = ids(&earlier);
            groups.retain(|group| !group.members.iter().any(|id| known.contains(id)));
            if is_cut(&earlier) {
                groups.truncate(parameters::MAX_LIMIT as usize);
                groups = self.without_earlier(groups, before).await?;
            }
        }
        groups.truncate(self.parameters.limit);
        let range = self.range(&found);
        let patterns = match range {
            Some(range) => self.describe(groups, range, found.total).await?,
            None => Vec::new(),
        };
        let listed: u64 = patterns.iter().map(|pattern| pattern.count).sum();
        Ok(PatternList {
            total: found.total,
            from: range.map(|(from, _)| from).or(time.from),
            to: range.map(|(_, to)| to).or(time.to),
            patterns,
            other: found.total.saturating_sub(listed),
            approximate: is_approximate.then_some(true),
            index: found.is_rebuilding.then_some("rebuilding"),
        })
    }

    async fn aggregate(
        &self,
        time: TimeRange,
        top: Option<Top>,
        histogram: Option<Histogram>,
    ) -> Result<Aggregates, Problem> {
        let mut condition = self.condition.clone();
        if time != TimeRange::default() {
            condition = condition.and(Condition::Timestamp(time));
        }
        let top = top.into_iter().collect();
        let aggregation = Aggregation { top, histogram, ..Aggregation::of(condition) };
        self.snapshot.aggregate(&aggregation).await.map_err(Filters::problem)
    }

    /// Removes the groups that have entries in this earlier range.
    async fn without_earlier(
        &self,
        groups: Vec<Group>,
        before: TimeRange,
    ) -> Result<Vec<Group>, Problem> {
        let counts = self.aggregate(before, None, Some(histogram(&groups, Vec::new(), 0))).await?;
        let series = counts.series.into_iter();
        let new = groups.into_iter().zip(series).filter(|(_, series)| series.time.is_none());
        Ok(new.map(|(group, _)| group).collect())
    }

    /// The range of time: the parameters, or else from the first to the last entry.
    fn range(&self, found: &Aggregates) -> Option<(Timestamp, Timestamp)> {
        let TimeRange { from, to } = self.parameters.filters.time;
        let (first, last) = found.time?;
        let after = Timestamp::saturating_from_micros(last.as_micros() + 1);
        Some((from.unwrap_or(first), to.unwrap_or(after)))
    }

    async fn describe(
        &self,
        groups: Vec<Group>,
        (from, to): (Timestamp, Timestamp),
        total: u64,
    ) -> Result<Vec<Pattern>, Problem> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let histogram = histogram(&groups, boundaries(from, to), EXAMPLES);
        let found = self.aggregate(self.parameters.filters.time, None, Some(histogram)).await?;
        let described = groups.into_iter().zip(found.series);
        Ok(described.filter_map(|(group, series)| describe(group, series, total)).collect())
    }
}

/// The most common templates.
fn top() -> Top {
    Top { field: Field::Pattern, limit: Top::MAX_LIMIT }
}

/// Whether there are templates that are not listed.
fn is_cut(found: &Aggregates) -> bool {
    found.top.iter().any(|top| top.other > 0 || top.is_approximate)
}

fn ids(found: &Aggregates) -> HashSet<PatternId> {
    let values = found.top.iter().flat_map(|top| &top.values);
    values.filter_map(|(key, _)| parse_key(key)).map(|(id, _)| id).collect()
}

/// Merges similar templates; the largest group comes first.
fn groups(found: &Aggregates) -> Vec<Group> {
    let values = found.top.iter().flat_map(|TopValues { values, .. }| values);
    let parsed = values.filter_map(|(key, count)| Some((parse_key(key)?, *count)));
    let (ids, templates): (Vec<PatternId>, Vec<(String, u64)>) =
        parsed.map(|((id, template), count)| (id, (template.to_owned(), count))).unzip();
    let groups = merge(&templates).into_iter().map(|group| Group {
        template: group.template,
        count: group.count,
        members: group.members.into_iter().filter_map(|index| ids.get(index).copied()).collect(),
    });
    groups.collect()
}

/// Counts the entries of each group.
fn histogram(groups: &[Group], boundaries: Vec<Timestamp>, newest: usize) -> Histogram {
    let groups = groups.iter().map(|group| Condition::Patterns(group.members.clone()));
    Histogram { boundaries, groups: groups.collect(), measure: Measure::Count, newest }
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
    clippy::cast_precision_loss,
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
        share: group.count as f64 / total as f64,
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
            "The index is unavailable, so patterns cannot be counted; retry later.",
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
