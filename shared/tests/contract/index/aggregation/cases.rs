//! One hundred entries, and what is expected of them.

use std::fmt::Write;

use shared::aggregation::{
    Aggregates, Aggregation, Field, Histogram, Measure, Statistic, Top, TopValues,
};
use shared::testing::EntryBuilder;
use shared::{LogEntry, Timestamp};

use super::super::{at, condition};

/// The time of the first entry. One follows every minute.
const FIRST: &str = "2024-06-14T12:00:00Z";

/// Entries of a web shop whose values depend on their number.
pub(super) fn entries() -> Vec<LogEntry> {
    (0..100).map(entry).collect()
}

fn entry(n: u32) -> LogEntry {
    let service = match n % 3 {
        0 => "web",
        1 => "pay",
        _ => "db",
    };
    let level = match n % 10 {
        0 => "ERROR",
        1 | 2 => "WARN",
        _ => "INFO",
    };
    let mut attributes = serde_json::json!({
        "status": 200 + 100 * (n % 4),
        "ms": serde_json::Number::from_f64(f64::from(n) / 2.0),
        "user": format!("u{}", n % 7),
        "ok": n.is_multiple_of(2),
        "http": {"path": format!("/p{}", n % 4)},
    });
    if n.is_multiple_of(5) {
        attributes["region"] = "eu".into();
    }
    if n.is_multiple_of(8) {
        attributes["tags"] = serde_json::json!(["a", "b", "a"]);
    }
    if n.is_multiple_of(50) {
        attributes["nothing"] = serde_json::Value::Null;
    }
    attributes["mixed"] = match n % 3 {
        0 => 7.into(),
        1 => "7".into(),
        _ => true.into(),
    };
    let time = at(FIRST).as_micros() + i64::from(n) * 60_000_000;
    EntryBuilder::new(format!("request {n} took {} ms", f64::from(n) / 2.0))
        .service(service)
        .level(level)
        .timestamp(Timestamp::from_micros(time).unwrap())
        .attributes(attributes.to_string())
        .build()
}

/// A query, what to compute, and the result as [`text`].
///
/// What to compute is either `top:field:limit`, or `interval measure [by level]`, from the first
/// entry on for 100 minutes.
pub(super) const CASES: &[(&str, &str, &str)] = &[
    ("", "top:level:10", "100: INFO 70, WARN 20, ERROR 10; other 0, distinct 3, entries 100"),
    ("", "top:level:1", "100: INFO 70; other 30, distinct 3, entries 100"),
    ("", "top:service_name:10", "100: web 34, db 33, pay 33; other 0, distinct 3, entries 100"),
    ("service:web", "top:service_name:10", "34: web 34; other 0, distinct 1, entries 34"),
    (
        "level:error",
        "top:service_name:10",
        "10: web 4, db 3, pay 3; other 0, distinct 3, entries 10",
    ),
    ("", "top:status:10", "100: 200 25, 300 25, 400 25, 500 25; other 0, distinct 4, entries 100"),
    ("", "top:status:2", "100: 200 25, 300 25; other 50, distinct 4, entries 100"),
    ("status:>=400", "top:status:10", "50: 400 25, 500 25; other 0, distinct 2, entries 50"),
    ("", "top:ms:3", "100: 0 1, 0.5 1, 1 1; other 97, distinct 100, entries 100"),
    ("ms:<2", "top:ms:10", "4: 0 1, 0.5 1, 1 1, 1.5 1; other 0, distinct 4, entries 4"),
    (
        "",
        "top:user:10",
        "100: u0 15, u1 15, u2 14, u3 14, u4 14, u5 14, u6 14; other 0, distinct 7, entries 100",
    ),
    ("user:u1", "top:user:5", "15: u1 15; other 0, distinct 1, entries 15"),
    ("", "top:ok:10", "100: false 50, true 50; other 0, distinct 2, entries 100"),
    ("ok:true", "top:ok:10", "50: true 50; other 0, distinct 1, entries 50"),
    (
        "",
        "top:http.path:10",
        "100: /p0 25, /p1 25, /p2 25, /p3 25; other 0, distinct 4, entries 100",
    ),
    ("", "top:http:10", "100:; other 0, distinct 0, entries 0"),
    ("", "top:region:10", "100: eu 20; other 0, distinct 1, entries 20"),
    ("level:error", "top:region:10", "10: eu 10; other 0, distinct 1, entries 10"),
    ("", "top:tags:10", "100: a 13, b 13; other 0, distinct 2, entries 13"),
    ("", "top:nothing:10", "100: null 2; other 0, distinct 1, entries 2"),
    ("", "top:mixed:10", "100: 7 67, true 33; other 0, distinct 2, entries 100"),
    ("service:db", "top:mixed:10", "33: true 33; other 0, distinct 1, entries 33"),
    ("", "top:missing:10", "100:; other 0, distinct 0, entries 0"),
    ("nothing-like-it", "top:level:10", "0:; other 0, distinct 0, entries 0"),
    ("\"quest 1\"", "top:level:10", "11: INFO 7, WARN 3, ERROR 1; other 0, distinct 3, entries 11"),
    ("request", "top:level:2", "100: INFO 70, WARN 20; other 10, distinct 3, entries 100"),
    ("-level:info", "top:level:10", "30: WARN 20, ERROR 10; other 0, distinct 2, entries 30"),
    ("", "50m count", "100: [50 50] 100"),
    ("", "20m count", "100: [20 20 20 20 20] 100"),
    ("", "30m count by level", "100: [3 3 3 1] 10 [6 6 6 2] 20 [21 21 21 7] 70"),
    ("level:error", "50m count by level", "10: [5 5] 10 [0 0] 0 [0 0] 0"),
    ("service:web", "25m count", "34: [9 8 8 9] 34"),
    ("", "50m sum:ms", "100: [612.5 1862.5] 2475"),
    ("", "50m avg:ms", "100: [12.25 37.25] 24.75"),
    ("", "50m min:ms", "100: [0 25] 0"),
    ("", "50m max:ms", "100: [24.5 49.5] 49.5"),
    (
        "",
        "50m avg:status by level",
        "100: [280 320] 300 [350 350] 350 [354.2857142857143 360] 357.14285714285717",
    ),
    ("", "50m sum:mixed", "100: [119 119] 238"),
    ("", "50m avg:user", "100: [- -] -"),
    ("nothing-like-it", "50m sum:ms", "0: [0 0] 0"),
    ("nothing-like-it", "50m avg:ms", "0: [- -] -"),
    ("", "50m distinct:user", "100: [7 7] 7"),
    ("", "20m distinct:status", "100: [4 4 4 4 4] 4"),
    ("", "50m distinct:service_name by level", "100: [3 3] 3 [3 3] 3 [3 3] 3"),
    ("", "100m distinct:mixed", "100: [3] 3"),
    ("", "100m distinct:ok", "100: [2] 2"),
    ("", "100m distinct:tags", "100: [2] 2"),
    ("", "100m distinct:missing", "100: [0] 0"),
    ("", "100m distinct:level", "100: [3] 3"),
    (
        "timestamp:>=2024-06-14T12:30:00Z timestamp:<2024-06-14T13:00:00Z",
        "20m count",
        "30: [0 10 20 0 0] 30",
    ),
    ("\"took 4.5 ms\" OR \"took 49\"", "50m max:ms", "3: [4.5 49.5] 49.5"),
];

/// Parses what to compute.
pub(super) fn aggregation(query: &str, what: &str) -> Aggregation {
    let condition = condition(query, false);
    if let Some(top) = what.strip_prefix("top:") {
        let (name, limit) = top.rsplit_once(':').unwrap();
        let top = Top { field: field(name), limit: limit.parse().unwrap() };
        return Aggregation { top: vec![top], ..Aggregation::of(condition) };
    }
    let (interval, measure_by) = what.split_once("m ").unwrap();
    let (measure, is_by_level) = match measure_by.strip_suffix(" by level") {
        Some(measure) => (measure, true),
        None => (measure_by, false),
    };
    let step = interval.parse::<i64>().unwrap();
    let boundaries = (0..).map(|n| n * step).take_while(|minutes| *minutes < 100 + step);
    let boundary =
        |minutes| Timestamp::from_micros(at(FIRST).as_micros() + minutes * 60_000_000).unwrap();
    let groups = ["ERROR", "WARN"].map(|level| Field::Level.is(level));
    let histogram = Histogram {
        boundaries: boundaries.map(boundary).collect(),
        groups: if is_by_level { groups.into() } else { Vec::new() },
        has_other: is_by_level,
        measure: measure_of(measure),
        newest: 0,
    };
    Aggregation { histogram: Some(histogram), ..Aggregation::of(condition) }
}

fn field(name: &str) -> Field {
    match name {
        "level" => Field::Level,
        "service_name" => Field::ServiceName,
        path => Field::Attribute(path.to_owned()),
    }
}

fn measure_of(text: &str) -> Measure {
    let Some((measure, of)) = text.split_once(':') else { return Measure::Count };
    let statistic = match measure {
        "sum" => Statistic::Sum,
        "avg" => Statistic::Average,
        "min" => Statistic::Minimum,
        "max" => Statistic::Maximum,
        _ => return Measure::Distinct(field(of)),
    };
    Measure::Numbers(statistic, of.to_owned())
}

/// The results in short: the total, then the values of the field or the measure in each bucket.
pub(super) fn text(aggregates: &Aggregates) -> String {
    let mut text = format!("{}:", aggregates.total);
    for top in &aggregates.top {
        let values: Vec<String> =
            top.values.iter().map(|(value, count)| format!(" {value} {count}")).collect();
        text += &values.join(",");
        let TopValues { other, distinct, entries, .. } = top;
        write!(text, "; other {other}, distinct {distinct}, entries {entries}").unwrap();
    }
    for series in &aggregates.series {
        let number = |value: &Option<f64>| value.map_or("-".to_owned(), |value| value.to_string());
        let values: Vec<String> = series.values.iter().map(number).collect();
        write!(text, " [{}] {}", values.join(" "), number(&series.total)).unwrap();
    }
    text
}
