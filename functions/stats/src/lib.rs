//! Stats: counts and measures entries over time.
//! `Aggregation -- snapshot.aggregate --> Aggregates --> Stats`

mod changes;
mod interval;
mod parameters;
mod response;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join3;
use poem::http::StatusCode;
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;
use shared::aggregation::{self, Aggregates, Aggregation, Histogram, Measure, Statistic, Top};
use shared::http::{
    Filters, Function, Json, PROBLEM_JSON, Problem, ProblemResponse, Problems, Query, Selection,
    Tag, document_of,
};
use shared::index::{Index, MissingColumn};
use shared::query::{Condition, TimeRange};
use shared::{Error, Timestamp};

use changes::{Period, changes};
use interval::{Interval, MAX_BUCKETS};
use parameters::StatsParameters;
use response::{Previous, Series, Stats, TopValues};

/// Measures that keep a sketch are limited to this number of buckets of all series.
const MAX_SKETCHES: usize = 5_000;

/// The number of values of a field that are compared with the previous period.
const COMPARED_VALUES: usize = 1000;

/// The API, and the index that it queries.
pub struct StatsApi {
    index: Arc<dyn Index>,
}

/// The function `stats`, ready to be served.
#[must_use]
pub fn function(index: Arc<dyn Index>) -> Function {
    Function::new("stats", StatsApi { index: index.clone() }).requires("index", index)
}

/// The OpenAPI document of the function.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<StatsApi>();
    let schemas = &mut document["components"]["schemas"];
    let series = json!({"by": {"level": "ERROR"}, "values": [3, 0], "total": 3});
    let top = json!({
        "values": [{"value": "payment", "count": 5}],
        "other": 2,
        "distinct": 3,
        "entries": 7,
    });
    let previous = json!({
        "from": "2024-06-14T11:50:00.000000Z",
        "to": "2024-06-14T12:00:00.000000Z",
        "total": 4,
    });
    let change = json!({
        "field": "level",
        "value": "ERROR",
        "count": 30,
        "previous_count": 2,
        "share": 0.3,
        "previous_share": 0.02,
        "score": 35.2,
    });
    schemas["Stats"]["example"] = json!({
        "total": 7,
        "from": "2024-06-14T12:00:00.000000Z",
        "to": "2024-06-14T12:10:00.000000Z",
        "interval": "5m",
        "buckets": ["2024-06-14T12:00:00.000000Z", "2024-06-14T12:05:00.000000Z"],
        "series": [series],
        "other": {"values": [1, 3], "total": 4},
        "top": {"service_name": top},
    });
    let properties = &mut schemas["Stats"]["properties"];
    properties["previous"]["example"] = previous.clone();
    properties["changes"]["example"] = json!([change]);
    properties["approximate"]["example"] = json!(true);
    properties["index"]["example"] = json!("rebuilding");
    schemas["StatsSeries"]["properties"]["by"]["additionalProperties"]["example"] = json!("ERROR");
    schemas["StatsSeries"]["example"] = series;
    // Poem-openapi does not mark the optional elements of a list.
    schemas["StatsSeries"]["properties"]["values"]["items"]["nullable"] = json!(true);
    schemas["TopValues"]["example"] = top;
    schemas["TopValues"]["properties"]["approximate"]["example"] = json!(true);
    schemas["PreviousStats"]["example"] = previous;
    schemas["StatsChange"]["example"] = change;
    let get = &mut document["paths"]["/logs/stats"]["get"];
    get["responses"]["400"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::bad_parameter("compare", "must be previous"));
    get["responses"]["503"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::from(Error::unavailable("index", "")));
    document
}

#[OpenApi]
impl StatsApi {
    /// Count and measure log entries over time
    ///
    /// Divides the entries that a search with the same filters finds into buckets of time, counts or
    /// measures those in each bucket, and counts the most common values of fields. Attributes must be
    /// among the first `INDEX_ATTRIBUTES_MAX` (200) of a day. Strings of more than 256 bytes are not
    /// counted as values.
    #[oai(path = "/logs/stats", method = "get", operation_id = "getLogStats", tag = "Tag::Logs")]
    async fn stats(
        &self,
        Query(parameters): Query<StatsParameters>,
    ) -> Result<StatsResponse, ProblemResponse<StatsProblems>> {
        parameters.check()?;
        let selection = Selection::open(self.index.as_ref(), &parameters.filters).await?;
        let request = Request { selection, parameters: &parameters };
        Ok(StatsResponse::Stats(Json(request.stats().await?)))
    }
}

/// A request, and the entries that match its filters.
struct Request<'a> {
    selection: Selection,
    parameters: &'a StatsParameters,
}

impl Request<'_> {
    async fn stats(&self) -> Result<Stats, Problem> {
        let time = self.parameters.filters.time;
        let by: Vec<Top> = self.parameters.by.iter().cloned().collect();
        let all = self.selection.within(time);
        let has_time = time.bounds().is_none();
        let found = self.aggregate(Aggregation { has_time, top: by, ..all }).await?;
        let values = found.top.iter().flat_map(|top| &top.values);
        let values: Vec<String> = values.map(|(value, _)| value.clone()).collect();

        let mut stats = Stats::of(&found, time.or_of(found.time));
        let boundaries = self.divide(&mut stats, values.len())?;
        let tops = self.tops();
        let counted = async {
            // Without fields, everything has been counted.
            if tops.is_empty() { Ok(found) } else { self.count_values(time, tops.clone()).await }
        };
        let (counted, before, series) =
            try_join3(counted, self.before(&tops), self.series(boundaries, &values)).await?;
        self.add_top(&mut stats, &counted);
        self.add_series(&mut stats, values, series);
        if let Some((previous, before)) = before {
            let fields: Vec<_> = tops.iter().map(|top| &top.field).collect();
            let now = Period { total: counted.total, top: &counted.top };
            let before = Period { total: before.total, top: &before.top };
            stats.changes = Some(changes(&fields, now, before));
            stats.previous = Some(previous);
        }
        Ok(stats)
    }

    /// Counts the entries in a range of time, and the values of fields.
    async fn count_values(&self, time: TimeRange, top: Vec<Top>) -> Result<Aggregates, Problem> {
        let all = self.selection.within(time);
        self.aggregate(Aggregation { top, ..all }).await
    }

    /// Counts the entries in the previous period, if it is compared.
    async fn before(&self, tops: &[Top]) -> Result<Option<(Previous, Aggregates)>, Problem> {
        let Some((from, to)) = self.parameters.previous()? else { return Ok(None) };
        let time = TimeRange { from: Some(from), to: Some(to) };
        let before = self.count_values(time, tops.to_vec()).await?;
        Ok(Some((Previous { from, to, total: before.total }, before)))
    }

    /// Divides the range into buckets, and returns their boundaries.
    fn divide(&self, stats: &mut Stats, values: usize) -> Result<Vec<Timestamp>, Problem> {
        let Some((from, to)) = stats.range().bounds() else { return Ok(Vec::new()) };
        let interval = self.interval(from, to)?;
        let boundaries = interval.boundaries(from, to, self.parameters.zone);
        self.check_sketches(boundaries.len() * (values + 1))?;
        stats.interval = Some(interval.to_string());
        stats.buckets = boundaries.iter().copied().take(boundaries.len() - 1).collect();
        Ok(boundaries)
    }

    /// Measures the entries of each series in each bucket.
    async fn series(
        &self,
        boundaries: Vec<Timestamp>,
        values: &[String],
    ) -> Result<Vec<aggregation::Series>, Problem> {
        if boundaries.is_empty() {
            return Ok(Vec::new());
        }
        let histogram = Histogram {
            boundaries,
            groups: self.groups(values),
            has_other: self.parameters.by.is_some(),
            measure: self.parameters.measure.clone(),
            newest: 0,
        };
        let all = self.selection.within(self.parameters.filters.time);
        Ok(self.aggregate(Aggregation { histogram: Some(histogram), ..all }).await?.series)
    }

    /// Computes an aggregation. If an attribute has no column, the problem names the parameter.
    async fn aggregate(&self, aggregation: Aggregation) -> Result<Aggregates, Problem> {
        self.selection.aggregate(&aggregation).await.map_err(|error| {
            if let Error::Rejected { source, .. } = &error
                && let Some(MissingColumn { path, detail }) = source.downcast_ref()
            {
                return Problem::bad_parameter(self.parameters.name_with(path), detail);
            }
            Filters::problem(error)
        })
    }

    /// The fields whose values are counted. A comparison includes that of `by`, and needs more values
    /// than are returned.
    fn tops(&self) -> Vec<Top> {
        let mut tops = self.parameters.top.clone();
        if self.parameters.compares {
            let by = self.parameters.by.clone();
            tops.extend(by.filter(|by| tops.iter().all(|top| top.field != by.field)));
            for top in &mut tops {
                top.limit = COMPARED_VALUES;
            }
        }
        tops
    }

    fn add_top(&self, stats: &mut Stats, counted: &Aggregates) {
        let fields = self.parameters.top.iter().zip(&counted.top);
        let top: BTreeMap<String, TopValues> = fields
            .map(|(top, values)| (top.field.to_string(), TopValues::new(values.clone(), top.limit)))
            .collect();
        stats.top = (!top.is_empty()).then_some(top);
    }

    fn interval(&self, from: Timestamp, to: Timestamp) -> Result<Interval, Problem> {
        let zone = self.parameters.zone;
        let Some(interval) = self.parameters.interval else {
            return Ok(Interval::automatic(from, to, zone));
        };
        let count = interval.count(from, to, zone);
        if count > MAX_BUCKETS {
            let detail = format!(
                "divides the range into {count} buckets, but at most {MAX_BUCKETS} are supported; \
                 use a longer interval, or limit from and to"
            );
            return Err(Problem::bad_parameter("interval", detail));
        }
        Ok(interval)
    }

    /// Limits the memory for estimates.
    fn check_sketches(&self, buckets: usize) -> Result<(), Problem> {
        let has_sketches = matches!(
            self.parameters.measure,
            Measure::Distinct(_) | Measure::Numbers(Statistic::Percentile(_), _)
        );
        if has_sketches && buckets > MAX_SKETCHES {
            let detail = format!(
                "supports at most {MAX_SKETCHES} buckets of all series together; use a longer \
                 interval or fewer values of by"
            );
            return Err(Problem::bad_parameter("measure", detail));
        }
        Ok(())
    }

    /// The condition of each series.
    fn groups(&self, values: &[String]) -> Vec<Condition> {
        let Some(by) = &self.parameters.by else { return Vec::new() };
        values.iter().map(|value| by.field.is(value)).collect()
    }

    fn add_series(
        &self,
        stats: &mut Stats,
        values: Vec<String>,
        mut series: Vec<aggregation::Series>,
    ) {
        let measure = &self.parameters.measure;
        let is_approximate = series.iter().any(|series| series.is_approximate(measure));
        stats.approximate = is_approximate.then_some(true);
        let Some(by) = &self.parameters.by else {
            stats.series = series.into_iter().map(|series| Series::new(None, series)).collect();
            return;
        };
        stats.other = series.pop().map(|other| Series::new(None, other));
        let named = values.into_iter().zip(series);
        stats.series = named
            .map(|(value, series)| Series::new(Some((by.field.to_string(), value)), series))
            .collect();
    }
}

#[derive(ApiResponse)]
enum StatsResponse {
    /// The counts and measures.
    #[oai(status = 200)]
    Stats(Json<Stats>),
}

struct StatsProblems;

impl Problems for StatsProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "A filter or another parameter is invalid; `errors` names each."),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The index is unavailable or does not respond within 10 s, so entries cannot be \
             counted; retry later.",
        ),
    ];
}
