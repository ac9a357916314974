use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use poem::Request;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Bulk, call, send};

#[tokio::test]
async fn documents_with_ecs_fields_become_entries() {
    let bulk = Bulk::open().await;
    let lines = concat!(
        r#"{"create":{"_index":"logs-app","_type":"_doc","pipeline":null}}"#,
        "\n",
        r#"{"@timestamp":"2024-06-14T12:00:00.5+02:00","log.level":"error","message":"declined","#,
        r#""service":{"name":"payment"},"trace.id":"4bf9","span.id":"00f0","order":{"n":[1,2.50]}}"#,
        "\n",
        r#"{"index":{}}"#,
        "\n",
        r#"{"msg":"m","index":"of the document"}"#,
        "\n",
    );

    let entries = bulk.save(lines).await;

    let [first, second] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(first.timestamp.to_string(), "2024-06-14T10:00:00.500000Z");
    assert_eq!((first.level.as_str(), first.message.as_str()), ("ERROR", "declined"));
    assert_eq!(first.service_name.as_str(), "payment");
    assert_eq!(first.trace_id.as_ref().unwrap().as_str(), "4bf9");
    assert_eq!(first.span_id.as_ref().unwrap().as_str(), "00f0");
    let attributes: Value =
        serde_json::from_str(first.attributes.as_ref().unwrap().as_str()).unwrap();
    let service = json!({"name": "payment"});
    let expected = json!({"service": service, "order": {"n": [1, 2.50]}, "index": "logs-app"});
    assert_eq!(attributes, expected);
    assert_eq!((second.message.as_str(), second.level.as_str()), ("m", "INFO"));
    assert_eq!(second.service_name.as_str(), "unknown_service");
    assert_eq!(second.attributes.as_ref().unwrap().as_str(), r#"{"index":"of the document"}"#);
}

#[tokio::test]
async fn the_response_has_an_item_for_each_action_with_the_id_of_the_entry() {
    let bulk = Bulk::open().await;
    let lines = concat!(
        "{\"create\":{\"_index\":\"a\"}}\n{\"message\":\"1\"}\n",
        "{\"index\":{\"_index\":\"b\",\"_id\":\"mine\"}}\n{\"message\":\"2\"}\n",
    );

    let request = Request::builder().method(Method::POST).uri_str("/_bulk?refresh=true&pretty");
    let response = send(&bulk.client(), request.body(lines)).await;

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.content_type(), Some("application/json"));
    let text = response.into_body().into_string().await.unwrap();
    assert!(text.contains(r#""errors":false,"items":[{"create":{"_index":"a","#), "{text}");
    let response: Value = serde_json::from_str(&text).unwrap();
    let entries = bulk.entries().await;
    let item = |index: &str, id: &str| json!({"_index": index, "_id": id, "_version": 1, "result": "created", "status": 201});
    let first = item("a", &entries[0].id.to_string());
    assert_eq!(response["items"], json!([{"create": first}, {"index": item("b", "mine")}]));
    let services: Vec<&str> = entries.iter().map(|entry| entry.service_name.as_str()).collect();
    assert_eq!(services, ["a", "b"]);
}

#[tokio::test]
async fn documents_are_accepted_on_every_path_with_either_method() {
    let bulk = Bulk::open().await;
    for (path, index) in [
        ("/_bulk", None),
        ("/elastic/_bulk", None),
        ("/logs-go-default/_bulk", Some("logs-go-default")),
        ("/logs/_bulk", Some("logs")),
        ("/%3Clogs-%7Bnow%2Fd%7D%3E/_bulk", Some("<logs-{now/d}>")),
        ("/elastic/logs/_bulk", Some("logs")),
    ] {
        for method in [Method::POST, Method::PUT] {
            let request = Request::builder().method(method).uri_str(path);
            let lines = "{\"create\":{}}\n{\"message\":\"m\"}\n{\"create\":{\"_index\":\"own\"}}\n{\"message\":\"m\"}\n";

            let (status, response) = call(&bulk.client(), request.body(lines)).await;

            assert_eq!(status, StatusCode::OK, "{path}: {response}");
            let entries = bulk.entries().await;
            let services = entries.iter().map(|entry| entry.service_name.as_str());
            let expected = [index.unwrap_or("unknown_service"), "own"];
            assert_eq!(services.collect::<Vec<_>>(), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn every_content_type_is_accepted_and_its_version_is_used() {
    let bulk = Bulk::open().await;
    let lines = "{\"create\":{}}\n{\"message\":\"m\"}\n";
    let versioned = "application/vnd.elasticsearch+x-ndjson; compatible-with=9";
    for (content_type, expected) in [
        (None, "application/json"),
        (Some("application/x-ndjson"), "application/json"),
        (Some("application/json; charset=utf-8"), "application/json"),
        (Some("application/x-www-form-urlencoded"), "application/json"),
        (Some(versioned), "application/vnd.elasticsearch+json;compatible-with=9"),
    ] {
        let mut request = Request::builder().method(Method::POST).uri_str("/_bulk");
        if let Some(content_type) = content_type {
            request = request.content_type(content_type);
        }
        let response = send(&bulk.client(), request.body(lines)).await;
        assert_eq!(response.status(), StatusCode::OK, "{content_type:?}");
        assert_eq!(response.content_type(), Some(expected), "{content_type:?}");
    }
}

#[tokio::test]
async fn compressed_documents_are_accepted() {
    let bulk = Bulk::open().await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&b"{\"create\":{}}\n{\"message\":\"m\"}\n".repeat(100)).unwrap();
    let request = Request::builder().method(Method::POST).uri_str("/_bulk");
    let request = request.header("content-encoding", "gzip").body(gzip.finish().unwrap());

    let (status, response) = call(&bulk.client(), request).await;

    assert_eq!((status, &response["errors"]), (StatusCode::OK, &json!(false)));
    assert_eq!(bulk.entries().await.len(), 100);
}
