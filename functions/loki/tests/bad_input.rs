//! Requests that are malformed or too large are refused as a whole, with the reason.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

mod support;

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use poem::http::StatusCode;
use serde_json::json;

use support::{Fixture, MAX_BYTES, PATH, PROTOBUF, client, entry, field, request, send, snappy};

const JSON: &str = "application/json";

/// Asserts that the body is refused with this status and a reason, and that nothing was saved.
async fn assert_refused(media_type: &str, encoding: &str, body: Vec<u8>, status: StatusCode) {
    let fixture = Fixture::open().await;
    let name = format!("{media_type} {encoding} {:?}", &body[..body.len().min(40)]);
    let client = client(fixture.queue.producer.clone());
    let post = client.post(PATH).content_type(media_type).header("content-encoding", encoding);

    let response = post.body(body).send().await;

    assert_eq!(response.0.status(), status, "{name}");
    response.assert_content_type("text/plain; charset=utf-8");
    let text = response.0.into_body().into_string().await.unwrap();
    assert!(text.ends_with('\n') && text.len() > 10 && text.len() < 2_000, "{name}: {text}");
    assert_nothing_saved(&fixture).await;
}

/// Asserts that a marker sent afterwards is the first entry on the queue.
async fn assert_nothing_saved(fixture: &Fixture) {
    let marker = json!({"streams": [{"stream": {}, "values": [["1", "marker"]]}]});
    let entries = fixture.push(JSON, marker.to_string()).await;
    assert_eq!(entries[0].message, "marker");
}

fn valid() -> Vec<u8> {
    request(r#"{app="shop"}"#, &[entry(1, 0, "first", &[]), entry(2, 0, "second", &[("a", "b")])])
}

#[tokio::test]
async fn truncated_protobuf_and_snappy_are_refused() {
    let request = valid();
    let block = snappy(&request);
    for length in 1..request.len() {
        let truncated = snappy(&request[..length]);
        assert_refused(PROTOBUF, "snappy", truncated, StatusCode::BAD_REQUEST).await;
    }
    for length in 0..block.len() {
        let truncated = block[..length].to_vec();
        assert_refused(PROTOBUF, "identity", truncated, StatusCode::BAD_REQUEST).await;
    }
}

#[tokio::test]
async fn wrong_lengths_are_refused() {
    for body in [
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(),
        b"\x0a\xff\xff\xff\xff\x0f".to_vec(),
        field(1, b"\x0a\x7f{}"),
        field(1, b"\x12\x05\x0a"),
    ] {
        assert_refused(PROTOBUF, "snappy", snappy(&body), StatusCode::BAD_REQUEST).await;
    }
    for (block, status) in [
        (&b"\xff\xff\xff\xff\x0f\x00a"[..], StatusCode::PAYLOAD_TOO_LARGE),
        (b"\x7f\x00a", StatusCode::BAD_REQUEST),
        (b"\x01\xfe\xff\xff\xff\xff", StatusCode::BAD_REQUEST),
    ] {
        assert_refused(PROTOBUF, "identity", block.to_vec(), status).await;
    }
}

#[tokio::test]
async fn an_entry_with_a_wrong_length_does_not_affect_the_others() {
    let fixture = Fixture::open().await;
    let bad = b"\x12\x7fx".to_vec();
    let body = request(r#"{app="shop"}"#, &[entry(1, 0, "one", &[]), bad, entry(2, 0, "two", &[])]);
    let entries = fixture.push(PROTOBUF, snappy(&body)).await;
    let messages: Vec<&str> = entries.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(messages, ["one", "two"]);
}

#[tokio::test]
async fn decompression_bombs_are_refused() {
    let zeros = vec![0; 20 * MAX_BYTES];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&zeros).unwrap();
    let gzip = gzip.finish().unwrap();
    for (media_type, encoding, body) in [
        (PROTOBUF, "identity", snappy(&zeros)),
        (PROTOBUF, "snappy", snappy(&zeros)),
        (JSON, "gzip", gzip),
        (JSON, "identity", vec![b' '; MAX_BYTES + 1]),
    ] {
        assert_refused(media_type, encoding, body, StatusCode::PAYLOAD_TOO_LARGE).await;
    }
}

#[tokio::test]
async fn large_labels_of_many_entries_are_refused() {
    let labels = format!(r#"{{app="shop",a="{}"}}"#, "x".repeat(MAX_BYTES / 100));
    let body = request(&labels, &vec![entry(1, 0, "m", &[]); 101]);
    assert_refused(PROTOBUF, "identity", snappy(&body), StatusCode::PAYLOAD_TOO_LARGE).await;
}

#[tokio::test]
async fn malformed_json_is_refused() {
    let nested = "[".repeat(10_000);
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "{\"streams\":1}",
        "{\"streams\":[1]}",
        "{\"streams\":[{\"stream\":1}]}",
        "{\"streams\":[{\"stream\":{},\"values\":{}}]}",
        "{\"streams\":[{\"values\":{}}]}",
        "{\"streams\":[{\"stream\":{\"app\":\"shop\"},\"values\":[[\"1\",\"first\"],[\"2\",\"sec",
        "{\"streams\":[{\"stream\":{\"app\":\"shop\"},\"values\":[[\"1\",\"first\"]]}]} trailing",
        &format!("{{\"streams\":[{{\"stream\":{{}},\"values\":[[\"1\",\"first\"],{nested}"),
        &format!("{{\"a\":{nested}"),
    ] {
        assert_refused(JSON, "identity", body.into(), StatusCode::BAD_REQUEST).await;
    }
}

#[tokio::test]
async fn deeply_nested_values_are_kept_as_strings() {
    let fixture = Fixture::open().await;
    let nested = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let line = format!(r#"{{"msg":"deep","a":{nested}}}"#);
    let line = serde_json::to_string(&line[..]).unwrap();
    let body = format!(
        r#"{{"x":{nested},"streams":[{{"stream":{{}},"values":[["1",{line}],["2","m",{{"b":{nested}}}]]}}]}}"#
    );
    let response = send(fixture.queue.producer.clone(), JSON, body).await;
    response.assert_status(StatusCode::NO_CONTENT);
    let batch = fixture.queue.consumer.poll().await.unwrap();
    let texts = batch.entries().iter().map(|entry| entry.attributes.as_ref().unwrap().as_str());
    let texts: Vec<&str> = texts.collect();
    let messages = batch.entries().iter().map(|entry| entry.message.as_str());
    assert_eq!(messages.collect::<Vec<&str>>(), ["deep", "m"]);
    assert!(texts.iter().all(|text| text.contains("\"[[[[")), "{texts:?}");
}
