//! The function, called without a network.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use std::sync::Arc;

use poem::http::{StatusCode, Uri};
use poem::{Endpoint, Request, Response};
use serde_json::{Value, json};
use shared::config::HttpConfig;
use shared::http::endpoint;
use shared::index::{self, Index};
use shared::testing::{Broken, EntryBuilder};
use shared::{LogEntry, Timestamp};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

fn stats(index: Arc<dyn Index>) -> impl Endpoint<Output = Response> {
    let functions = vec![stats::function(index)];
    endpoint(functions, &HttpConfig::default(), None, &CancellationToken::new()).unwrap()
}

async fn index_of(folder: &TempDir, entries: &[LogEntry]) -> Arc<dyn Index> {
    index_with(folder, entries, "").await
}

/// An index with options, such as `?attributes=1`.
async fn index_with(folder: &TempDir, entries: &[LogEntry], options: &str) -> Arc<dyn Index> {
    let url = format!("tantivy://{}/index{options}", folder.path().display());
    let index = index::open(&Url::parse(&url).unwrap()).await.unwrap();
    index.add(entries).await.unwrap();
    index
}

async fn send(endpoint: &impl Endpoint<Output = Response>, query: &str) -> (StatusCode, Value) {
    let uri: Uri = format!("/logs/stats?{query}").parse().unwrap();
    let response = endpoint.call(Request::builder().uri(uri).finish()).await.unwrap();
    let status = response.status();
    let body = response.into_body().into_string().await.unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

async fn get(endpoint: &impl Endpoint<Output = Response>, query: &str) -> Value {
    let (status, body) = send(endpoint, query).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

fn entry(time: &str, level: &str, service: &str, ms: f64) -> LogEntry {
    EntryBuilder::new("request")
        .timestamp(Timestamp::parse(time).unwrap())
        .level(level)
        .service(service)
        .attributes(json!({"ms": ms, "user": service}).to_string())
        .build()
}

/// Eight entries in ten minutes, the last without an error.
fn entries() -> Vec<LogEntry> {
    vec![
        entry("2024-06-14T12:00:00Z", "INFO", "web", 1.0),
        entry("2024-06-14T12:00:30Z", "ERROR", "web", 2.5),
        entry("2024-06-14T12:02:00Z", "INFO", "pay", 3.0),
        entry("2024-06-14T12:04:59.999999Z", "WARN", "db", 4.0),
        entry("2024-06-14T12:05:00Z", "INFO", "web", 5.0),
        entry("2024-06-14T12:07:00Z", "ERROR", "pay", 6.0),
        entry("2024-06-14T12:09:00Z", "INFO", "web", 7.0),
        entry("2024-06-14T12:09:30Z", "INFO", "web", 8.0),
    ]
}

const RANGE: &str = "from=2024-06-14T12:00:00Z&to=2024-06-14T12:15:00Z&interval=5m";

#[tokio::test]
async fn entries_are_counted_in_buckets_without_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    let expected = json!({
        "total": 8,
        "from": "2024-06-14T12:00:00.000000Z",
        "to": "2024-06-14T12:15:00.000000Z",
        "interval": "5m",
        "buckets": [
            "2024-06-14T12:00:00.000000Z",
            "2024-06-14T12:05:00.000000Z",
            "2024-06-14T12:10:00.000000Z",
        ],
        "series": [{"values": [4, 4, 0], "total": 8}],
    });
    assert_eq!(get(&endpoint, RANGE).await, expected);
}

#[tokio::test]
async fn a_range_without_bounds_is_that_of_the_entries() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    let found = get(&endpoint, "service_name=pay").await;
    assert_eq!(found["from"], "2024-06-14T12:02:00.000000Z");
    assert_eq!(found["to"], "2024-06-14T12:07:00.000001Z");
    assert_eq!(found["interval"], "10s");
    assert_eq!(found["buckets"].as_array().unwrap().len(), 31);
    assert_eq!(found["series"][0]["total"], 2);
}

#[tokio::test]
async fn nothing_is_counted_without_entries() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &[]).await);
    let expected = json!({"total": 0, "buckets": [], "series": []});
    assert_eq!(get(&endpoint, "").await, expected);
    let found = get(&endpoint, RANGE).await;
    assert_eq!(found["series"], json!([{"values": [0, 0, 0], "total": 0}]));
    let empty = get(&endpoint, "from=2024-06-15&to=2024-06-14").await;
    assert_eq!(empty["buckets"], json!([]));
}

#[tokio::test]
async fn each_value_has_a_series_and_the_rest_another() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    let found = get(&endpoint, &format!("{RANGE}&by=level:2")).await;
    let expected = json!([
        {"by": {"level": "INFO"}, "values": [2, 3, 0], "total": 5},
        {"by": {"level": "ERROR"}, "values": [1, 1, 0], "total": 2},
    ]);
    assert_eq!(found["series"], expected);
    assert_eq!(found["other"], json!({"values": [1, 0, 0], "total": 1}));
    let found = get(&endpoint, &format!("{RANGE}&by=attributes.user")).await;
    let users = found["series"].as_array().unwrap();
    assert_eq!(users[0]["by"], json!({"attributes.user": "web"}));
    assert_eq!(found["other"], json!({"values": [0, 0, 0], "total": 0}));
}

#[tokio::test]
async fn measures_are_computed_for_each_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    for (measure, expected) in [
        ("sum:attributes.ms", json!({"values": [10.5, 26, 0], "total": 36.5})),
        ("avg:attributes.ms", json!({"values": [2.625, 6.5, null], "total": 4.5625})),
        ("min:@ms", json!({"values": [1, 5, null], "total": 1})),
        ("max:attributes.ms", json!({"values": [4, 8, null], "total": 8})),
        ("distinct:service_name", json!({"values": [3, 2, 0], "total": 3})),
        ("distinct:attributes.user", json!({"values": [3, 2, 0], "total": 3})),
        ("avg:attributes.user", json!({"values": [null, null, null]})),
    ] {
        let found = get(&endpoint, &format!("{RANGE}&measure={measure}")).await;
        assert_eq!(found["series"], json!([expected]), "{measure}");
        assert_eq!(found.get("approximate"), None, "{measure}");
    }
    let found = get(&endpoint, &format!("{RANGE}&measure=p50:attributes.ms")).await;
    let median = found["series"][0]["total"].as_f64().unwrap();
    assert!((3.9..=5.1).contains(&median), "{median}");
    assert_eq!(found["approximate"], true);
}

#[tokio::test]
async fn top_lists_the_most_common_values() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    let found = get(&endpoint, "top=service_name:1,level&top=attributes.ms:2").await;
    let expected = json!({
        "service_name": {
            "values": [{"value": "web", "count": 5}],
            "other": 3,
            "distinct": 3,
            "entries": 8,
        },
        "level": {
            "values": [
                {"value": "INFO", "count": 5},
                {"value": "ERROR", "count": 2},
                {"value": "WARN", "count": 1},
            ],
            "other": 0,
            "distinct": 3,
            "entries": 8,
        },
        "attributes.ms": {
            "values": [{"value": "1", "count": 1}, {"value": "2.5", "count": 1}],
            "other": 6,
            "distinct": 8,
            "entries": 8,
        },
    });
    assert_eq!(found["top"], expected);
}

/// Ten entries without an error, then ten errors.
fn two_periods() -> Vec<LogEntry> {
    let at =
        |minute: u32, level| entry(&format!("2024-06-14T12:{minute:02}:00Z"), level, "web", 1.0);
    let before = (0..10).map(|minute| at(minute, "INFO"));
    before.chain((10..20).map(|minute| at(minute, "ERROR"))).collect()
}

const SECOND_PERIOD: &str =
    "from=2024-06-14T12:10:00Z&to=2024-06-14T12:20:00Z&interval=10m&compare=previous";

#[tokio::test]
async fn values_whose_share_changed_are_ranked() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &two_periods()).await);
    let found = get(&endpoint, &format!("{SECOND_PERIOD}&top=level,service_name")).await;
    let previous = json!({
        "from": "2024-06-14T12:00:00.000000Z",
        "to": "2024-06-14T12:10:00.000000Z",
        "total": 10,
    });
    assert_eq!(found["previous"], previous);
    let changes = found["changes"].as_array().unwrap();
    let values: Vec<&Value> = changes.iter().map(|change| &change["value"]).collect();
    assert_eq!(values, ["ERROR", "INFO"]);
    assert_eq!((&changes[0]["count"], &changes[0]["previous_count"]), (&json!(10), &json!(0)));
    // 2 * 20 * ln(2), because the level tells the periods apart.
    assert!((changes[0]["score"].as_f64().unwrap() - 27.7).abs() < 0.1, "{changes:?}");
}

#[tokio::test]
async fn a_field_of_both_top_and_by_is_compared_once() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &two_periods()).await);
    let query = format!("{SECOND_PERIOD}&top=service_name,level:1&by=level");
    let found = get(&endpoint, &query).await;
    let changes = found["changes"].as_array().unwrap();
    let values: Vec<&Value> = changes.iter().map(|change| &change["value"]).collect();
    assert_eq!(values, ["ERROR", "INFO"]);
    let series = json!([{"by": {"level": "ERROR"}, "values": [10], "total": 10}]);
    assert_eq!(found["series"], series);
}

#[tokio::test]
async fn top_and_by_may_return_different_numbers_of_a_field_s_values() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    for (top, by) in [(1, 3), (3, 1)] {
        let found = get(&endpoint, &format!("{RANGE}&top=level:{top}&by=level:{by}")).await;
        let values = found["top"]["level"]["values"].as_array().unwrap();
        assert_eq!((values.len(), &values[0]["value"]), (top, &json!("INFO")));
        assert_eq!(found["top"]["level"]["other"], if top == 1 { 3 } else { 0 });
        assert_eq!(found["series"].as_array().unwrap().len(), by);
    }
}

#[tokio::test]
async fn a_comparison_without_an_end_ends_now() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    let start = Timestamp::now().to_string();
    let found = get(&endpoint, "from=-1h&compare=previous").await;
    let to = found["to"].as_str().unwrap();
    assert!((start.as_str()..=&*Timestamp::now().to_string()).contains(&to), "{to}");
    assert_eq!(found["previous"]["to"], found["from"]);
    assert_eq!((&found["previous"]["total"], &found["changes"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn the_measure_of_an_empty_bucket_is_null_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    let document = stats::document();
    let series = &document["components"]["schemas"]["StatsSeries"];
    assert_eq!(series["properties"]["values"]["items"]["nullable"], true);
    let is_required = |name| series["required"].as_array().unwrap().contains(&json!(name));
    assert!(is_required("values") && !is_required("total"));
    let found = get(&endpoint, &format!("{RANGE}&measure=p99:attributes.ms&by=level:1")).await;
    assert_eq!(found["series"][0]["values"][2], json!(null));
    let found = get(&endpoint, &format!("{RANGE}&measure=avg:attributes.none&by=level:1")).await;
    assert_eq!(found["other"], json!({"values": [null, null, null]}));
}

#[tokio::test]
async fn the_document_limits_the_fields_of_top() {
    let document = stats::document();
    let parameters = document["paths"]["/logs/stats"]["get"]["parameters"].as_array().unwrap();
    let top = parameters.iter().find(|parameter| parameter["name"] == "top").unwrap();
    assert_eq!(top["schema"]["maxItems"], 10);
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &[]).await);
    let (status, problem) = send(&endpoint, &"top=level&".repeat(11)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(problem["errors"][0]["detail"], "must appear at most 10 times");
}

#[tokio::test]
async fn days_start_at_midnight_in_the_time_zone() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    let found = get(&endpoint, "interval=1d&tz=Europe/Berlin").await;
    assert_eq!(found["buckets"], json!(["2024-06-13T22:00:00.000000Z"]));
}

#[tokio::test]
async fn invalid_parameters_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = stats(index_of(&folder, &entries()).await);
    for (query, field, detail) in [
        ("interval=5", "interval", "must be auto, or a number"),
        ("interval=1s&from=2024-06-14&to=2024-06-15", "interval", "into 86400 buckets"),
        ("tz=Berlin", "tz", "must be an IANA time zone"),
        ("by=message", "by", "must be level, service_name or attributes."),
        ("by=level:51", "by", "must be from 1 to 50"),
        ("top=level,level", "top", "must not name a field twice"),
        ("top=@a,@b,@c,@d,@e,@f,@g,@h,@i,@j,@k", "top", "at most 10 fields"),
        ("top=", "top", "must be level"),
        ("measure=median:@ms", "measure", "must be count"),
        ("measure=p0:@ms", "measure", "must be count"),
        ("measure=avg:level", "measure", "needs an attribute that has numbers"),
        ("measure=distinct:user", "measure", "must be level, service_name or attributes."),
        ("compare=next", "compare", "must be previous"),
        ("compare=previous", "compare", "needs from"),
        ("compare=previous&to=2024-06-15", "compare", "needs from"),
        ("compare=previous&from=1990-01-01&to=2024-06-15", "compare", "start before 1970"),
        ("q=level:", "q", "level needs a value"),
    ] {
        let (status, problem) = send(&endpoint, query).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        let error = &problem["errors"][0];
        assert_eq!(error["field"], field, "{query}: {problem}");
        assert!(error["detail"].as_str().unwrap().contains(detail), "{query}: {problem}");
    }
    let many = "interval=1s&from=2024-06-14T12:00:00Z&to=2024-06-14T12:15:00Z&by=@ms:50";
    let (status, problem) = send(&endpoint, &format!("{many}&measure=distinct:@user")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(problem["errors"][0]["field"], "measure");
}

#[tokio::test]
async fn while_the_index_is_down_the_response_is_503() {
    let (status, _) = send(&stats(Arc::new(Broken)), "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_error_for_an_attribute_without_columns_names_the_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let with = |json: &str| EntryBuilder::new("m").attributes(json).build();
    let entries = [with(r#"{"first":1}"#), with(r#"{"second":2}"#)];
    let index = index_with(&folder, &entries[..1], "?attributes=1").await;
    index.add(&entries[1..]).await.unwrap();
    let endpoint = stats(index);
    for (query, parameter) in [
        ("by=attributes.second", "by"),
        ("top=level,attributes.second", "top"),
        ("measure=sum:attributes.second", "measure"),
        ("measure=distinct:attributes.second", "measure"),
        ("q=@second:%3E1", "q"),
    ] {
        let (status, problem) = send(&endpoint, query).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (StatusCode::BAD_REQUEST, &json!(parameter))
        );
        assert!(problem["detail"].as_str().unwrap().contains("INDEX_ATTRIBUTES_MAX"), "{problem}");
    }
}
