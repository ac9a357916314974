//! The tests. Each is an `async fn` that takes an [`Api`]; [`crate::for_each_test!`] lists them.
#![allow(missing_docs, reason = "a test is documented by its name")]

mod analytics;
mod context_and_export;
mod deletion;
mod explorer;
mod tail;

use std::io::Write;

use reqwest::StatusCode;
use serde_json::{Value, json};

pub use self::analytics::*;
pub use self::context_and_export::*;
pub use self::deletion::*;
pub use self::explorer::*;
pub use self::tail::*;
use crate::{Api, unique};

pub async fn a_saved_entry_is_found_by_id_and_by_search(api: &Api) {
    let service = unique("acceptance");
    let sent = json!({
        "service_name": service, "level": "warning", "message": "card declined: limit reached",
        "timestamp": "2017-03-17T16:13:38.811+01:00", "attributes": {"pid": "17", "n": [1, 2.50]},
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
    });

    let response = api.post("/logs", "application/json", sent.to_string()).await;

    assert_eq!(response.status(), StatusCode::CREATED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let saved: Value = response.json().await.unwrap();
    let id = saved["id"].as_str().unwrap();
    assert_eq!((saved["message"].as_str(), location), (Some("Log saved"), format!("/logs/{id}")));
    let mut expected = sent.clone();
    expected["id"] = id.into();
    expected["level"] = "WARN".into();
    expected["timestamp"] = "2017-03-17T15:13:38.811000Z".into();
    assert_eq!(api.entry(id).await.unwrap(), expected);
    let page = api.search_until(&[("service_name", &service), ("q", "DECLINED")], 1).await;
    assert_eq!(page["data"], json!([expected]));
    assert_eq!((&page["count"], page.get("next_cursor")), (&json!(1), None));
}

pub async fn batches_are_accepted_as_json_or_ndjson_plain_or_compressed(api: &Api) {
    let service = unique("batch");
    let entry = |n: usize| json!({"service": service, "message": format!("number {n}")});
    let array = Value::from((0..10).map(entry).collect::<Vec<_>>()).to_string();
    let lines: String = (0..10).map(|n| entry(n).to_string() + "\r\n\n").collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(lines.as_bytes()).unwrap();
    let (gzip, zstd) =
        (gzip.finish().unwrap(), zstd::stream::encode_all(lines.as_bytes(), 0).unwrap());
    let lines = || lines.clone().into_bytes();
    let bodies = [
        ("/logs/batch", "application/json; charset=utf-8", "identity", array.into_bytes()),
        ("/logs/batch", "application/x-ndjson", "identity", lines()),
        ("/logs/batch", "application/x-ndjson", "gzip", gzip.clone()),
        ("/logs/batch", "Application/X-NDJSON", "zstd", zstd),
        ("/logs/ndjson", "application/octet-stream", "gzip", gzip),
        ("/logs/ndjson", "application/x-ndjson", "identity", lines()),
        ("/logs/ndjson", "text/plain; charset=utf-8", "identity", lines()),
    ];
    let total = bodies.len() as u64 * 10;

    for (path, content_type, encoding, body) in bodies {
        let request = api.http.post(api.url(&format!("{path}?ids=true"))).body(body);
        let request =
            request.header("content-type", content_type).header("content-encoding", encoding);
        let response = api.send(request).await.unwrap();

        assert_eq!(response.status(), StatusCode::CREATED, "{path} {content_type} {encoding}");
        let saved: Value = response.json().await.unwrap();
        assert_eq!((&saved["accepted"], &saved["rejected"]), (&json!(10), &json!(0)));
        let ids: Vec<&str> =
            saved["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        assert!(ids.len() == 10 && ids.is_sorted(), "{ids:?}");
        assert_eq!(api.entry(ids[7]).await.unwrap()["message"], "number 7");
    }
    api.search_until(&[("service_name", &service)], total).await;
}

pub async fn bad_lines_in_a_batch_are_reported_and_the_others_are_saved(api: &Api) {
    let service = unique("lines");
    let good = json!({"service": service, "message": "good"}).to_string();
    let lines = format!("{good}\nnot json\n{{\"service\":\"a\"}}\n{good}");

    let response = api.post("/logs/batch?ids=true", "application/x-ndjson", lines).await;

    assert_eq!(response.status(), StatusCode::CREATED);
    let saved: Value = response.json().await.unwrap();
    assert_eq!((&saved["accepted"], &saved["rejected"]), (&json!(2), &json!(2)));
    let lines: Vec<_> = saved["errors"].as_array().unwrap().iter().map(|e| &e["line"]).collect();
    assert_eq!(lines, [2, 3]);
    assert!(saved["errors"][1]["detail"].as_str().unwrap().contains("message: is required"));
    let rejected: Vec<_> = saved["ids"].as_array().unwrap().iter().map(Value::is_null).collect();
    assert_eq!(rejected, [false, true, true, false]);
    api.search_until(&[("service_name", &service)], 2).await;
}

pub async fn formats_of_common_loggers_are_accepted(api: &Api) {
    let cases = [
        (r#""level":"WRN""#, "level", "WARN"),
        (r#""level":"[error]""#, "level", "ERROR"),
        (r#""level":50"#, "level", "ERROR"),
        (r#""level":"\u001b[31mFTL\u001b[0m""#, "level", "FATAL"),
        (r#""timestamp":"2024-06-14 12:00:00,5+0200""#, "timestamp", "2024-06-14T10:00:00.500000Z"),
        (r#""trace_id":"","span_id":"","id":"","timestamp":"","level":"""#, "level", "INFO"),
        (r#""message":"cut \ud83d""#, "message", "cut \u{fffd}"),
    ];
    for (fields, name, expected) in cases {
        let message = if name == "message" { "" } else { r#","message":"m""# };
        let body = format!("\u{feff}{{\"service\":\"loggers\",{fields}{message}}}");

        let response = api.post("/logs", "application/json", body).await;

        assert_eq!(response.status(), StatusCode::CREATED, "{fields}");
        let saved: Value = response.json().await.unwrap();
        let entry = api.entry(saved["id"].as_str().unwrap()).await.unwrap();
        assert_eq!(entry[name], expected, "{fields}");
        assert!(entry.get("trace_id").is_none() && entry.get("span_id").is_none(), "{entry}");
    }
}

pub async fn unknown_fields_become_attributes_on_request(api: &Api) {
    let body = r#"{"service":"unknown","message":"m","pid":17,"attributes":{"a":1.50}}"#;
    for path in ["/logs", "/logs/batch?ids=true", "/logs/ndjson?ids=true"] {
        let strict = api.post(path, "application/json", body).await;
        assert_eq!(strict.status(), StatusCode::BAD_REQUEST, "{path}");

        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}unknown=attributes");
        let response = api.post(&path, "application/json", body).await;

        assert_eq!(response.status(), StatusCode::CREATED, "{path}");
        let saved: Value = response.json().await.unwrap();
        let id = saved["id"].as_str().or_else(|| saved["ids"][0].as_str()).unwrap();
        let entry = api.entry(id).await.unwrap();
        assert_eq!(entry["attributes"], json!({"a": 1.5, "pid": 17}));
    }
}

pub async fn an_entry_resent_with_the_same_id_is_stored_once_unchanged(api: &Api) {
    let service = unique("again");
    let first = json!({"service": service, "message": "first"}).to_string();
    let saved: Value = api.post("/logs", "application/json", first).await.json().await.unwrap();
    let id = saved["id"].as_str().unwrap();
    api.search_until(&[("service_name", &service)], 1).await;

    let again = json!({"id": id, "service": service, "message": "second"}).to_string();
    let marker = json!({"service": service, "message": "marker"}).to_string();
    let body = format!("{again}\n{again}\n{marker}");
    let response = api.post("/logs/batch", "application/x-ndjson", body).await;

    assert_eq!(response.status(), StatusCode::CREATED);
    let page = api.search_until(&[("service_name", &service)], 2).await;
    let messages: Vec<_> =
        page["data"].as_array().unwrap().iter().map(|e| e["message"].as_str().unwrap()).collect();
    assert!(messages.contains(&"first") && messages.contains(&"marker"), "{messages:?}");
    assert_eq!(api.entry(id).await.unwrap()["message"], "first");
}

pub async fn an_unknown_id_is_not_found(api: &Api) {
    for id in ["17", "0190163d-8694-739b-aea5-966c26f8ad91"] {
        let response = api.get(&format!("/logs/{id}")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(!response.headers().contains_key("retry-after"), "{id}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
}

pub async fn an_unknown_recent_id_gets_404_with_retry_after(api: &Api) {
    let response = api.get(&format!("/logs/{}", uuid::Uuid::now_v7())).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["retry-after"], "1");
}

pub async fn pages_have_no_gaps_or_duplicates(api: &Api) {
    let service = unique("pages");
    let lines: String = (0..250)
        .map(|n| {
            let timestamp = format!("2020-01-01T00:00:{:02}Z", n % 7);
            let entry =
                json!({"service": service, "message": n.to_string(), "timestamp": timestamp});
            entry.to_string() + "\n"
        })
        .collect();
    api.post("/logs/batch", "application/x-ndjson", lines).await;
    api.search_until(&[("service_name", &service)], 250).await;

    for sort in ["newest", "oldest"] {
        let mut positions = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut query =
                vec![("service_name", service.as_str()), ("sort", sort), ("limit", "60")];
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let page = api.search(&query).await;
            assert_eq!(page["total"], 250);
            for entry in page["data"].as_array().unwrap() {
                positions.push((entry["timestamp"].to_string(), entry["id"].to_string()));
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            next.clone_into(&mut cursor);
        }
        if sort == "newest" {
            positions.reverse();
        }
        assert_eq!(positions.len(), 250);
        assert!(positions.is_sorted_by(|a, b| a < b), "{sort}");
    }
}

pub async fn a_search_finds_any_part_of_an_entry(api: &Api) {
    let service = unique("parts");
    let trace_id =
        format!("{:032x}", std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    let entries = [
        json!({"message": "payment failed: timeout after 30s", "level": "error"}),
        json!({
            "message": "\u{1b}[31mpayment failed\u{1b}[0m: rc=-1001 用户支付失败", "level": "warn",
            "attributes": {"order": {"id": 4711}}, "trace_id": trace_id, "span_id": "00f067aa0ba902b7",
        }),
        json!({"message": "OOMKilled at 2024-06-14T12:34:56Z", "attributes": {"order": {"id": 12}}}),
    ];
    let lines = entries.map(|mut entry| {
        entry["service"] = service.as_str().into();
        entry.to_string() + "\n"
    });
    api.post("/logs/ndjson", "application/x-ndjson", lines.concat()).await;
    api.search_until(&[("service_name", &service)], 3).await;
    for (name, value, total) in [
        ("q", "payment failed", 2),
        ("q", "payment -timeout", 1),
        ("q", "payment failed: rc=-1001", 1),
        ("q", "\"led: rc=-\"", 1),
        ("q", "oom OR \"er 30S\"", 2),
        ("q", "pay* level:>=error", 1),
        ("q", "支付", 1),
        ("q", "order.id:[12 TO 4710]", 1),
        ("q", "@order.id:*", 2),
        ("q", "4711", 1),
        ("q", "timestamp:<-15m", 0),
        ("q", &trace_id, 1),
        ("trace_id", &trace_id, 1),
        ("span_id", "00f067aa0ba902b8", 0),
        ("from", "-15m", 3),
        ("to", "now-1h", 0),
    ] {
        let page = api.search(&[("service_name", &service), (name, value)]).await;
        assert_eq!(page["total"], total, "{name}={value}: {page}");
    }
    let query = [("service_name", service.as_str()), ("q", "\"failed: t\""), ("highlight", "true")];
    let page = api.search(&query).await;
    assert_eq!(
        page["highlights"],
        json!([{"message": [{"start": 8, "end": 17}], "attributes": []}])
    );
    let page = api.search(&[query[0], ("q", "ayment")]).await;
    assert_eq!((&page["hint"]["q"], &page["hint"]["total"]), (&json!("\"ayment\""), &json!(2)));
}

pub async fn a_fuzzy_search_finds_misspelt_words(api: &Api) {
    let service = unique("fuzzy");
    for message in ["connection timeout", "connection timeuots", "unrelated"] {
        let body = json!({"service": service, "message": message}).to_string();
        api.post("/logs", "application/json", body).await;
    }
    api.search_until(&[("service_name", &service)], 3).await;

    let query = [("service_name", service.as_str()), ("q", "timeuot")];
    assert_eq!(api.search(&query).await["total"], 0);
    let fuzzy = [query[0], query[1], ("fuzzy", "true")];
    assert_eq!(api.search(&fuzzy).await["total"], 2);
    let exact_first = [query[0], ("q", "timeout"), ("fuzzy", "true"), ("sort", "relevance")];
    let page = api.search(&exact_first).await;
    assert_eq!(page["data"][0]["message"], "connection timeout");
}

pub async fn the_error_for_an_invalid_search_names_the_parameter(api: &Api) {
    for (query, field) in [
        ("level=info&limit=0", "limit"),
        ("level=info&limit=1001", "limit"),
        ("level=info&limit=x", "limit"),
        ("level=info&sort=up", "sort"),
        ("from=yesterday", "from"),
        ("to=99999-01-01T00:00:00Z", "to"),
        ("level=info&cursor=x", "cursor"),
        ("service_name=", "service_name"),
        ("q=a&fuzzy=perhaps", "fuzzy"),
        ("q=a&servce_name=payment", "servce_name"),
        ("q=a&sort=oldest&sort=newest", "sort"),
    ] {
        let response = api.get(&format!("/logs/search?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
}

pub async fn a_search_accepts_several_services_and_levels(api: &Api) {
    let (one, other) = (unique("one"), unique("other"));
    let lines: String = [(&one, "error"), (&one, "info"), (&other, "warn"), (&other, "fatal")]
        .map(|(service, level)| json!({"service": service, "level": level, "message": level}))
        .map(|entry| entry.to_string() + "\n")
        .concat();
    api.post("/logs/ndjson", "application/x-ndjson", lines).await;

    let both = [("service_name", one.as_str()), ("service_name", &other)];
    api.search_until(&both, 4).await;
    let some_levels = [both[0], both[1], ("level", "err"), ("level", "WARN"), ("sort", "oldest")];
    let page = api.search(&some_levels).await;
    let found: Vec<_> =
        page["data"].as_array().unwrap().iter().map(|entry| &entry["message"]).collect();
    assert_eq!(found, ["error", "warn"]);
}

pub async fn every_function_rejects_unknown_query_parameters(api: &Api) {
    let entry = json!({"service": "unknown-parameter", "message": "m"}).to_string();
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    for (path, detail) in [
        ("/ping", "unknown parameter; this operation has no query parameters"),
        (&format!("/logs/{id}"), "unknown parameter; this operation has no query parameters"),
        ("/logs/batch", "unknown parameter; valid parameters: ids, unknown"),
    ] {
        let path = format!("{path}?verbose=1");
        let response = match &*path {
            "/logs/batch?verbose=1" => api.post(&path, "application/x-ndjson", &*entry).await,
            _ => api.get(&path).await,
        };
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["errors"], json!([{"field": "verbose", "detail": detail}]), "{path}");
    }
}

pub async fn an_id_that_is_not_utf8_is_not_found(api: &Api) {
    let response = api.get("/logs/%FF").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["detail"], "no log entry has this id");
}

pub async fn the_documentation_loads_nothing_from_other_hosts(api: &Api) {
    let document: Value = api.get("/openapi.json").await.json().await.unwrap();
    assert!(document["paths"]["/logs"]["post"].is_object());
    let page = api.get("/docs/").await;
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("'self'"));
    let html = page.text().await.unwrap();
    assert!(html.contains("swagger-ui") && !html.contains("https://"), "{html}");
}

pub async fn ping_returns_pong(api: &Api) {
    let response = api.get("/ping").await;
    assert!(response.headers()["ratelimit-policy"].to_str().unwrap().contains("q="));
    assert_eq!(response.json::<Value>().await.unwrap(), json!({"message": "pong"}));
}
