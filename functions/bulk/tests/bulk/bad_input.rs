use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use poem::Request;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Bulk, MAX_BODY_BYTES, MAX_ENTRY_BYTES, call, client_without_queue, send};

const SAVED: &str = "{\"create\":{}}\n{\"message\":\"m\"}\n";

#[tokio::test]
async fn a_request_with_a_malformed_action_is_refused_as_a_whole() {
    let bulk = Bulk::open().await;
    for (lines, reason) in [
        (String::new(), "request body is required"),
        ("\n\n".to_owned(), "request body is required"),
        (format!("{SAVED}{{\"index\":{{}}}}\n"), "the action on line [3] has no document"),
        (
            format!("{SAVED}{{\"foo\":{{}}}}\n{{}}\n"),
            "Malformed action/metadata line [3], expected",
        ),
        (format!("{SAVED}{{\"message\":\"m\"}}\n"), "Malformed action/metadata line [3]"),
        (format!("{SAVED}not json\n"), "Malformed action/metadata line [3]"),
        (format!("{SAVED}\u{0}\n"), "Malformed action/metadata line [3]"),
        ("[".repeat(10_000), "Malformed action/metadata line [1]"),
    ] {
        let (status, response) = bulk.post(&lines).await;

        assert_eq!(status, StatusCode::BAD_REQUEST, "{response}");
        let found = response["error"]["reason"].as_str().unwrap();
        assert!(found.starts_with(reason), "{found} should start with {reason}");
        let cause = json!({"type": "illegal_argument_exception", "reason": found});
        let mut error = cause.clone();
        error["root_cause"] = json!([cause]);
        assert_eq!(response, json!({"error": error, "status": 400}));
    }
    bulk.assert_nothing_was_saved().await;
}

#[tokio::test]
async fn an_invalid_document_does_not_affect_the_others() {
    let bulk = Bulk::open().await;
    let large = format!(r#"{{"message":"{}"}}"#, "m".repeat(MAX_ENTRY_BYTES));
    let lines: String = ["[1]", "not json", "17", "{}", &large, r#"{"message":"good"}"#]
        .map(|document| format!("{{\"create\":{{\"_index\":\"a\"}}}}\n{document}\n"))
        .concat();

    let (status, response) = bulk.post(&lines).await;

    assert_eq!((status, &response["errors"]), (StatusCode::OK, &json!(true)));
    let items = response["items"].as_array().unwrap();
    let statuses: Vec<&Value> = items.iter().map(|item| &item["create"]["status"]).collect();
    assert_eq!(statuses, [400, 400, 400, 400, 413, 201]);
    let error = &items[0]["create"]["error"];
    assert_eq!(error["type"], "document_parsing_exception");
    assert_eq!(error["reason"], "the entry must be a JSON object");
    let messages: Vec<String> =
        bulk.entries().await.into_iter().map(|entry| entry.message).collect();
    assert_eq!(messages, ["good"]);
}

#[tokio::test]
async fn updates_and_deletions_are_refused_one_by_one() {
    let bulk = Bulk::open().await;
    let lines = concat!(
        "{\"update\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"doc\":{\"message\":\"m\"}}\n",
        "{\"delete\":{\"_index\":\"a\",\"_id\":\"2\"}}\n",
        "{\"create\":{\"_index\":\"a\"}}\n{\"message\":\"m\"}\n",
    );

    let (status, response) = bulk.post(lines).await;

    assert_eq!(status, StatusCode::OK);
    let error = json!({
        "type": "illegal_argument_exception",
        "reason": "log entries cannot be updated or deleted; use create or index",
    });
    let item = |id: &str| json!({"_index": "a", "_id": id, "status": 400, "error": error});
    assert_eq!(response["items"][0], json!({"update": item("1")}));
    assert_eq!(response["items"][1], json!({"delete": item("2")}));
    assert_eq!(response["items"][2]["create"]["status"], 201);
    assert_eq!(bulk.entries().await.len(), 1);
}

#[tokio::test]
async fn text_that_is_not_valid_unicode_is_repaired() {
    let bulk = Bulk::open().await;
    let mut lines = b"{\"create\":{}}\n{\"message\":\"a\xff\"}\n".to_vec();
    lines.extend(b"{\"create\":{}}\n{\"message\":\"b\\ud83d\",\"c\":\"\\ude80\"}\n");
    let request = Request::builder().method(Method::POST).uri_str("/_bulk").body(lines);

    let (status, response) = call(&bulk.client(), request).await;

    assert_eq!((status, &response["errors"]), (StatusCode::OK, &json!(false)));
    let entries = bulk.entries().await;
    let messages: Vec<&str> = entries.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(messages, ["a\u{fffd}", "b\u{fffd}"]);
    assert_eq!(entries[1].attributes.as_ref().unwrap().as_str(), r#"{"c":"\ufffd"}"#);
}

#[tokio::test]
async fn deeply_nested_values_are_kept_as_text() {
    let bulk = Bulk::open().await;
    let nested = "[".repeat(5_000) + &"]".repeat(5_000);
    let lines = format!("{{\"create\":{{}}}}\n{{\"message\":\"m\",\"a\":{nested}}}\n");

    let entries = bulk.save(&lines).await;

    let attributes: Value =
        serde_json::from_str(entries[0].attributes.as_ref().unwrap().as_str()).unwrap();
    assert_eq!(attributes, json!({"a": nested}));
}

#[tokio::test]
async fn a_body_that_cannot_be_read_gets_an_elasticsearch_error() {
    let bulk = Bulk::open().await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 50 * MAX_BODY_BYTES]).unwrap();
    let bomb = bomb.finish().unwrap();
    let truncated = bomb[..bomb.len() / 2].to_vec();
    for (encoding, body, expected) in [
        ("identity", vec![b' '; MAX_BODY_BYTES + 1], 413),
        ("gzip", bomb, 413),
        ("gzip", truncated[..100].to_vec(), 400),
        ("br", Vec::new(), 415),
    ] {
        let request = Request::builder().method(Method::POST).uri_str("/_bulk");
        let request = request.header("content-encoding", encoding).body(body);
        let (status, response) = call(&bulk.client(), request).await;
        assert_eq!(status, expected, "{encoding}: {response}");
        assert_eq!(response["status"], expected);
        assert!(response["error"]["root_cause"][0]["reason"].is_string(), "{response}");
    }
    bulk.assert_nothing_was_saved().await;
}

#[tokio::test]
async fn every_action_can_be_retried_after_a_queue_outage() {
    let lines = concat!(
        "{\"create\":{\"_index\":\"a\"}}\n{\"message\":\"m\"}\n",
        "{\"index\":{\"_index\":\"a\",\"_id\":\"1\"}}\nnot json\n",
    );
    let request = Request::builder().method(Method::POST).uri_str("/_bulk").body(lines);

    let response = send(&client_without_queue(), request).await;

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.content_type(), Some("application/json"));
    let response: Value = response.into_body().into_json().await.unwrap();
    assert_eq!((&response["status"], &response["errors"]), (&json!(503), &json!(true)));
    let error = json!({
        "type": "es_rejected_execution_exception",
        "reason": "the broken is unavailable; retry later",
    });
    let item = |id: Value| json!({"_index": "a", "_id": id, "status": 429, "error": error});
    let items = json!([{"create": item(Value::Null)}, {"index": item(json!("1"))}]);
    assert_eq!(response["items"], items);
    assert_eq!(response["error"]["root_cause"], json!([error]));
}

#[tokio::test]
async fn names_that_are_too_long_are_refused() {
    let bulk = Bulk::open().await;
    for (member, length) in [("_index", 256), ("_id", 513)] {
        let name = "n".repeat(length);
        let lines = format!("{{\"create\":{{\"{member}\":\"{name}\"}}}}\n{{\"message\":\"m\"}}\n");
        let (status, response) = bulk.post(&lines).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let reason = response["error"]["reason"].as_str().unwrap();
        assert!(reason.contains(member) && reason.contains("must not be longer"), "{reason}");
    }
    let uri = format!("/{}/_bulk", "i".repeat(256));
    let request = Request::builder().method(Method::POST).uri_str(&uri);
    let (status, _) =
        call(&bulk.client(), request.body("{\"create\":{}}\n{\"message\":\"m\"}\n")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    bulk.assert_nothing_was_saved().await;
}

#[tokio::test]
async fn a_request_whose_response_is_too_large_is_refused() {
    let bulk = Bulk::open().await;
    let (status, response) = bulk.post(&"{\"delete\":{}}\n".repeat(5_000)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{response}");
    let lines = "{\"create\":{\"_index\":\"shop\"}}\n{}\n".repeat(2_000);
    let (status, _) = bulk.post(&lines).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    bulk.assert_nothing_was_saved().await;
}

#[tokio::test]
async fn numbers_that_json_cannot_represent_are_kept_as_strings() {
    let bulk = Bulk::open().await;
    let entries = bulk.save("{\"create\":{}}\n{\"message\":\"a\tb\",\"v\":NaN}\n").await;
    assert_eq!(entries[0].message, "a\tb");
    assert_eq!(entries[0].attributes.as_ref().unwrap().as_str(), r#"{"v":"NaN"}"#);
}
