//! The query parameters: the filters of a search, and what to count and measure.

use chrono_tz::Tz;
use poem_openapi::registry::MetaSchema;
use serde_json::Value;
use shared::Timestamp;
use shared::aggregation::{Field, Measure, Statistic, Top};
use shared::http::{Filters, Parameter, ParameterType, Parameters, Problem, Reader, choices};

use crate::interval::Interval;

/// The maximum number of fields in `top`.
const MAX_FIELDS: usize = 10;

/// The maximum number of values per field in `top`.
const MAX_VALUES: usize = 100;

/// The number of values without a number of their own.
const DEFAULT_VALUES: usize = 10;

/// The maximum number of series.
const MAX_SERIES: usize = 50;

const INTERVAL: Parameter = Parameter {
    name: "interval",
    description: "The length of a bucket: a number and a unit (`s`, `m`, `h`, `d`, `w`, `mo` for \
                  months, `y`), such as `10s`; at most 1,000 buckets. `auto`: a round interval with \
                  at most 60 buckets.",
    example: "5m",
    synonyms: &["step", "bucket", "resolution"],
};

const TZ: Parameter = Parameter {
    name: "tz",
    description: "The IANA time zone in which hours, days, weeks, months and years start.",
    example: "Europe/Berlin",
    synonyms: &["timezone", "time_zone", "zone"],
};

const BY: Parameter = Parameter {
    name: "by",
    description: "Return a series for each of the most common values of a field: `level`, \
                  `service_name` or `attributes.` and a path. Up to 10 values; append a number for \
                  up to 50, such as `service_name:20`.",
    example: "level",
    synonyms: &["group", "group_by", "series"],
};

const TOP: Parameter = Parameter {
    name: "top",
    description: "Return the most common values of these fields, separated by commas; repeatable; at \
                  most 10 fields. Up to 10 values each; append a number for up to 100, such as \
                  `service_name:20`.",
    example: "service_name,attributes.status:5",
    synonyms: &["terms", "facets", "facet"],
};

const MEASURE: Parameter = Parameter {
    name: "measure",
    description: "What to measure in each bucket: `count` of entries; `distinct:` and a field, the \
                  number of its different values, of which the number `42` and the string `42` are \
                  two; or `sum:`, `avg:`, `min:`, `max:` or a percentile from `p1:` to `p99:` and \
                  an attribute that has numbers, such as `p95:attributes.ms`.",
    example: "count",
    synonyms: &["metric", "value", "agg"],
};

const COMPARE: Parameter = Parameter {
    name: "compare",
    description: "`previous`: compare with the period of the same length immediately before, and \
                  return the values of `top` and `by` whose share of the entries changed most. \
                  Needs `from`; without `to`, the range ends now.",
    example: "previous",
    synonyms: &["changes", "previous"],
};

/// The values of the parameters.
pub(crate) struct StatsParameters {
    pub(crate) filters: Filters,
    pub(crate) interval: Option<Interval>,
    pub(crate) zone: Tz,
    pub(crate) by: Option<Top>,
    pub(crate) top: Vec<Top>,
    pub(crate) measure: Measure,
    pub(crate) compares: bool,
}

impl Parameters for StatsParameters {
    fn read(query: &mut Reader) -> Self {
        let mut filters = Filters::read(query);
        let interval = query.optional::<IntervalText>(INTERVAL).and_then(|text| text.0);
        let zone = query.optional::<Zone>(TZ).map_or(Tz::UTC, |zone| zone.0);
        let by = query.optional::<By>(BY).map(|by| by.0);
        let top = query.at_most::<Tops>(MAX_FIELDS, TOP);
        let top = top.into_iter().flat_map(|tops| tops.0).collect();
        let measure = query.optional::<MeasureText>(MEASURE).map(|measure| measure.0);
        let compares = query.optional::<Compare>(COMPARE).is_some();
        let measure = measure.unwrap_or(Measure::Count);
        if compares {
            // The time of the last entry would make the periods differ from call to call.
            filters.time.to.get_or_insert_with(Timestamp::now);
        }
        Self { filters, interval, zone, by, top, measure, compares }
    }
}

impl StatsParameters {
    /// Checks what the parameters' types cannot.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.top.len() > MAX_FIELDS {
            return Err(Problem::bad_parameter(
                "top",
                format!("must have at most {MAX_FIELDS} fields"),
            ));
        }
        let mut fields: Vec<&Field> = self.top.iter().map(|top| &top.field).collect();
        fields.sort_unstable();
        if fields.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Problem::bad_parameter("top", "must not name a field twice"));
        }
        self.previous().map(|_| ())
    }

    /// The name of the parameter that contains an attribute.
    pub(crate) fn name_with(&self, path: &str) -> &'static str {
        let is_path = |field: &Field| matches!(field, Field::Attribute(other) if other == path);
        let measured = match &self.measure {
            Measure::Distinct(Field::Attribute(measured)) | Measure::Numbers(_, measured) => {
                Some(measured)
            }
            Measure::Count | Measure::Distinct(_) => None,
        };
        if self.by.as_ref().is_some_and(|by| is_path(&by.field)) {
            BY.name
        } else if self.top.iter().any(|top| is_path(&top.field)) {
            TOP.name
        } else if measured.is_some_and(|measured| measured == path) {
            MEASURE.name
        } else {
            "q"
        }
    }

    /// The period before the range; `None` if it is not compared, or the range is empty.
    pub(crate) fn previous(&self) -> Result<Option<(Timestamp, Timestamp)>, Problem> {
        if !self.compares {
            return Ok(None);
        }
        if self.filters.time.from.is_none() {
            return Err(Problem::bad_parameter("compare", "needs from, such as from=-1h"));
        }
        let Some((from, to)) = self.filters.time.bounds() else { return Ok(None) };
        let start = Timestamp::from_micros(2 * from.as_micros() - to.as_micros());
        let too_early = "the period before the range would start before 1970; use a later from";
        let start = start.ok_or_else(|| Problem::bad_parameter("compare", too_early))?;
        Ok(Some((start, from)))
    }
}

struct IntervalText(Option<Interval>);

impl ParameterType for IntervalText {
    fn schema() -> MetaSchema {
        let pattern = "^(auto|[1-9][0-9]{0,3}(s|m|h|d|w|mo|y))$".to_owned();
        MetaSchema { pattern: Some(pattern), ..MetaSchema::new("string") }
    }

    fn parse(text: String) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(None));
        }
        Interval::parse(&text).map(|interval| Self(Some(interval)))
    }
}

struct Zone(Tz);

impl ParameterType for Zone {
    fn schema() -> MetaSchema {
        MetaSchema { min_length: Some(1), ..MetaSchema::new("string") }
    }

    fn parse(text: String) -> Result<Self, String> {
        let unknown = |_| "must be an IANA time zone, such as Europe/Berlin or UTC".to_owned();
        text.parse().map(Self).map_err(unknown)
    }
}

struct By(Top);

impl ParameterType for By {
    fn schema() -> MetaSchema {
        MetaSchema::new("string")
    }

    fn parse(text: String) -> Result<Self, String> {
        parse_top(&text, MAX_SERIES).map(Self)
    }
}

struct Tops(Vec<Top>);

impl ParameterType for Tops {
    fn schema() -> MetaSchema {
        MetaSchema::new("string")
    }

    fn parse(text: String) -> Result<Self, String> {
        text.split(',')
            .map(|part| parse_top(part.trim(), MAX_VALUES))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Parses a field, and the number of its values.
fn parse_top(text: &str, max: usize) -> Result<Top, String> {
    let (field, limit) = match text.rsplit_once(':') {
        Some((field, limit)) if limit.bytes().all(|byte| byte.is_ascii_digit()) => {
            let limit = limit.parse().ok().filter(|limit| (1..=max).contains(limit));
            (field, limit.ok_or_else(|| format!("the number of values must be from 1 to {max}"))?)
        }
        _ => (text, DEFAULT_VALUES),
    };
    Ok(Top { field: field.parse()?, limit })
}

struct MeasureText(Measure);

impl ParameterType for MeasureText {
    fn schema() -> MetaSchema {
        let pattern = "^(count|(distinct|sum|avg|min|max|p[1-9][0-9]?):.+)$".to_owned();
        MetaSchema { pattern: Some(pattern), ..MetaSchema::new("string") }
    }

    fn parse(text: String) -> Result<Self, String> {
        const EXPECTED: &str = "must be count, or distinct, sum, avg, min, max or p1 to p99 with a \
                                colon and a field, such as p95:attributes.ms";
        if text == "count" {
            return Ok(Self(Measure::Count));
        }
        let (name, field) = text.split_once(':').ok_or(EXPECTED)?;
        if name == "distinct" {
            return Ok(Self(Measure::Distinct(field.parse()?)));
        }
        let statistic = match name {
            "sum" => Statistic::Sum,
            "avg" => Statistic::Average,
            "min" => Statistic::Minimum,
            "max" => Statistic::Maximum,
            _ => Statistic::Percentile(percent(name).ok_or(EXPECTED)?),
        };
        match field.parse()? {
            Field::Attribute(path) => Ok(Self(Measure::Numbers(statistic, path))),
            _ => Err(format!("{name} needs an attribute that has numbers, such as attributes.ms")),
        }
    }
}

fn percent(name: &str) -> Option<u8> {
    let digits = name.strip_prefix('p')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|percent| is_number && (1..100).contains(percent))
}

#[derive(Clone, Copy)]
struct Compare;

impl From<Compare> for Value {
    fn from(_: Compare) -> Self {
        "previous".into()
    }
}

impl ParameterType for Compare {
    fn schema() -> MetaSchema {
        choices("StatsComparison", [Self])
    }

    fn parse(text: String) -> Result<Self, String> {
        if text == "previous" { Ok(Self) } else { Err("must be previous".to_owned()) }
    }
}
