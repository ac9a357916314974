//! Calls the function without a network, with a real queue.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

mod support;

use std::io::Write;
use std::sync::Arc;

use flate2::{Compression, write::GzEncoder};
use poem::http::StatusCode;
use serde_json::{Value, json};
use shared::LogEntry;
use shared::testing::Broken;

use support::{
    Fixture, MAX_ENTRY_BYTES, PATH, PROTOBUF, client, entry, field, request, send, snappy,
};

const JSON: &str = "application/json";

/// The parts of an entry that a request determines.
fn summary(entry: &LogEntry) -> Value {
    let mut summary: Value = serde_json::from_slice(&entry.to_json()).unwrap();
    summary.as_object_mut().unwrap().remove("id");
    summary
}

#[tokio::test]
async fn labels_metadata_and_lines_become_entries() {
    let fixture = Fixture::open().await;
    let body = json!({"streams": [
        {"stream": {"app": "shop", "level": "warning", "env": "prod"}, "values": [
            ["1795632668365096704", "slow query\n", {"trace_id": "4bf92f35", "rows": "7"}],
            ["1795632668365096705", r#"{"msg":"paid","level":"warn","order":4711,"env":"test"}"#],
        ]},
        {"values": [["0", "level=error msg=\"no cart\" order=4712"]], "stream": {"job": "cron"}},
    ]});

    let entries = fixture.push(JSON, body.to_string()).await;

    let arrived = entries[2].id.time().to_string();
    assert_eq!(
        entries.iter().map(summary).collect::<Vec<_>>(),
        [
            json!({
                "timestamp": "2026-11-25T18:51:08.365096Z", "level": "WARN", "service_name": "shop",
                "message": "slow query", "attributes": {"env": "prod", "rows": "7"},
                "trace_id": "4bf92f35",
            }),
            json!({
                "timestamp": "2026-11-25T18:51:08.365096Z", "level": "WARN", "service_name": "shop",
                "message": "paid", "attributes": {
                    "env": "prod", "order": 4711, "env_extracted": "test",
                    "log.record.original": r#"{"msg":"paid","level":"warn","order":4711,"env":"test"}"#,
                },
            }),
            json!({
                "timestamp": arrived, "level": "ERROR", "service_name": "cron",
                "message": "no cart", "attributes": {
                    "order": 4712, "log.record.original": "level=error msg=\"no cart\" order=4712",
                },
            }),
        ]
    );
}

#[tokio::test]
async fn protobuf_is_accepted_with_and_without_a_content_encoding() {
    let labels = r#"{service_name="shop", level="error", path="C:\\logs"}"#;
    let metadata = [("trace_id", "4bf92f35"), ("span_id", "00f067aa"), ("user", "7")];
    let entries = [entry(1_795_632_668, 365_096_704, "no cart", &metadata)];
    let body = snappy(&request(labels, &entries));
    let expected = json!({
        "timestamp": "2026-11-25T18:51:08.365096Z", "level": "ERROR", "service_name": "shop",
        "message": "no cart", "attributes": {"path": r"C:\logs", "user": "7"},
        "trace_id": "4bf92f35", "span_id": "00f067aa",
    });
    let fixture = Fixture::open().await;
    for (media_type, encoding, body) in [
        (PROTOBUF, "identity", body.clone()),
        (PROTOBUF, "snappy", body.clone()),
        ("application/octet-stream", "snappy", body.clone()),
        (PROTOBUF, "gzip", gzip(&body)),
    ] {
        let client = client(fixture.queue.producer.clone());
        let post = client.post(PATH).content_type(media_type).header("content-encoding", encoding);

        post.body(body).send().await.assert_status(StatusCode::NO_CONTENT);

        let batch = fixture.queue.consumer.poll().await.unwrap();
        assert_eq!(summary(&batch.entries()[0]), expected, "{media_type} {encoding}");
        fixture.queue.consumer.commit(batch).await.unwrap();
    }
}

#[tokio::test]
async fn json_is_recognized_by_content_type_or_first_bytes() {
    let body =
        json!({"streams": [{"stream": {"app": "shop"}, "values": [["1", "m"]]}]}).to_string();
    let fixture = Fixture::open().await;
    for (media_type, encoding, body) in [
        ("text/plain", "identity", body.clone().into_bytes()),
        ("application/json; charset=utf-8", "gzip", gzip(body.as_bytes())),
        ("application/json", "identity", [b"\xef\xbb\xbf", body.as_bytes()].concat()),
    ] {
        let client = client(fixture.queue.producer.clone());
        let post = client.post(PATH).content_type(media_type).header("content-encoding", encoding);

        post.body(body).send().await.assert_status(StatusCode::NO_CONTENT);

        let batch = fixture.queue.consumer.poll().await.unwrap();
        assert_eq!(batch.entries()[0].service_name.as_str(), "shop", "{media_type} {encoding}");
        fixture.queue.consumer.commit(batch).await.unwrap();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[tokio::test]
async fn a_protobuf_stream_may_have_late_labels_and_unknown_fields() {
    let fixture = Fixture::open().await;
    let line = entry(1, 0, b"caf\xc3\xa9 \xff", &[]);
    let unknown = support::number(3, 17);
    let stream = [field(2, line), unknown, field(1, r#"{app="shop"}"#)].concat();
    let entries = fixture.push(PROTOBUF, snappy(&field(1, stream))).await;
    let expected = json!({
        "timestamp": "1970-01-01T00:00:01.000000Z", "level": "INFO", "service_name": "shop",
        "message": "café \u{fffd}",
    });
    assert_eq!(summary(&entries[0]), expected);
}

#[tokio::test]
async fn labels_that_cannot_be_parsed_are_kept_as_an_attribute() {
    let fixture = Fixture::open().await;
    for (labels, attributes) in
        [("{}", Value::Null), (r#"{a="say "hi""}"#, json!({"labels": r#"{a="say "hi""}"#}))]
    {
        let body = snappy(&request(labels, &[entry(1, 0, "m", &[])]));
        send(fixture.queue.producer.clone(), PROTOBUF, body).await;
        let batch = fixture.queue.consumer.poll().await.unwrap();
        let summary = summary(&batch.entries()[0]);
        assert_eq!(
            (&summary["service_name"], &summary["attributes"]),
            (&json!("unknown_service"), &attributes)
        );
        fixture.queue.consumer.commit(batch).await.unwrap();
    }
}

#[tokio::test]
async fn invalid_entries_do_not_affect_the_others() {
    let fixture = Fixture::open().await;
    let large = "m".repeat(MAX_ENTRY_BYTES);
    let values =
        json!([["1", "one"], ["2"], ["3", 4], "5", ["6", large], ["noon", "two"], ["7", "m", "x"]]);
    let body = json!({"streams": [{"stream": {"app": "shop"}, "values": values}]});

    let entries = fixture.push(JSON, body.to_string()).await;

    let messages: Vec<&str> = entries.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(messages, ["one", "two"]);
    assert_eq!(summary(&entries[1])["attributes"], json!({"timestamp": "noon"}));
}

#[tokio::test]
async fn a_request_whose_entries_are_all_invalid_gets_400_with_the_reasons() {
    let body = json!({"streams": [{"stream": {"app": "shop"}, "values": [["1"], ["2", null]]}]});
    let response = send(Arc::new(Broken), JSON, body.to_string()).await;
    response.assert_status(StatusCode::BAD_REQUEST);
    response.assert_content_type("text/plain; charset=utf-8");
    let text = response.0.into_body().into_string().await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "all 2 entries were rejected");
    assert!(lines[1].starts_with("entry 1: ") && lines[2].starts_with("entry 2: "), "{text}");
}

#[tokio::test]
async fn a_request_without_entries_is_accepted() {
    for body in [
        r#"{"streams":[]}"#,
        r#"{"streams":null}"#,
        r#"{"streams":[{"stream":{"a":"b"},"values":[]}]}"#,
    ] {
        send(Arc::new(Broken), JSON, body).await.assert_status(StatusCode::NO_CONTENT);
    }
    let body = snappy(b"");
    send(Arc::new(Broken), PROTOBUF, body).await.assert_status(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn runtime_errors_are_plain_text_too() {
    let body = json!({"streams": [{"stream": {"app": "shop"}, "values": [["1", "m"]]}]});
    let response = send(Arc::new(Broken), JSON, body.to_string()).await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "1");
    response.assert_content_type("text/plain; charset=utf-8");
    response.assert_text("the broken is unavailable; retry later\n").await;
    let response = client(Arc::new(Broken)).get(PATH).send().await;
    response.assert_status(StatusCode::METHOD_NOT_ALLOWED);
    response.assert_header("allow", "POST");
    response.assert_content_type("text/plain; charset=utf-8");
}

#[tokio::test]
async fn query_parameters_are_ignored() {
    let client = client(Arc::new(Broken));
    let path = format!("{PATH}?tenant=a");
    let response = client.post(path).content_type(JSON).body(r#"{"streams":[]}"#).send().await;
    response.assert_status(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_readiness_probe_succeeds_while_the_queue_is_ready() {
    let fixture = Fixture::open().await;
    let response = client(fixture.queue.producer.clone()).get("/ready").send().await;
    response.assert_status_is_ok();
    response.assert_text("ready\n").await;

    let response = client(Arc::new(Broken)).get("/ready").send().await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_format_of_early_versions_is_accepted() {
    let fixture = Fixture::open().await;
    let body = json!({"streams": [{
        "labels": r#"{app="shop",path="C:\\logs"}"#,
        "entries": [{"ts": "2026-11-25T18:51:08.365096Z", "line": "no cart"}],
    }]});
    let entries = fixture.push(JSON, body.to_string()).await;
    let expected = json!({
        "timestamp": "2026-11-25T18:51:08.365096Z", "level": "INFO", "service_name": "shop",
        "message": "no cart", "attributes": {"path": r"C:\logs"},
    });
    assert_eq!(entries.iter().map(summary).collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn a_number_in_the_line_is_kept_if_a_label_repeats_it() {
    let fixture = Fixture::open().await;
    let line = r#"{"msg":"paid","order":4711,"id":"7"}"#;
    let values = json!([["1", line, {"order": "4711", "id": "7"}]]);
    let body = json!({"streams": [{"stream": {"app": "shop"}, "values": values}]});
    let entries = fixture.push(JSON, body.to_string()).await;
    let attributes = &summary(&entries[0])["attributes"];
    assert_eq!((&attributes["order"], &attributes["id"]), (&json!(4711), &json!("7")));
    assert!(attributes.get("order_extracted").is_none(), "{attributes}");
}
