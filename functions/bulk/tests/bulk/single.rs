use poem::Request;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Bulk, MAX_ENTRY_BYTES, call, client_without_queue};

const DOCUMENT: &str = r#"{"@timestamp":"2026-11-26T10:00:00Z","log.level":"warn","message":"m"}"#;

fn request(method: &Method, path: &str, document: &str) -> Request {
    Request::builder().method(method.clone()).uri_str(path).body(document.to_owned())
}

#[tokio::test]
async fn a_single_document_is_saved_on_every_path() {
    let bulk = Bulk::open().await;
    let both = &[Method::POST, Method::PUT][..];
    for (path, methods, index, id) in [
        ("/shop/_doc", &both[..1], "shop", None),
        ("/shop/_doc/17?refresh=true", both, "shop", Some("17")),
        ("/shop/_create/17", both, "shop", Some("17")),
        ("/logs/_doc", &both[..1], "logs", None),
        ("/logs/_doc/a%2Fb", both, "logs", Some("a/b")),
        ("/logs/_create/17", both, "logs", Some("17")),
        ("/elastic/logs/_doc", &both[..1], "logs", None),
        ("/elastic/%3Cshop-%7Bnow%2Fd%7D%3E/_doc/17", both, "<shop-{now/d}>", Some("17")),
        ("/elastic/shop/_create/17", both, "shop", Some("17")),
    ] {
        for method in methods {
            let (status, mut answer) = call(&bulk.client(), request(method, path, DOCUMENT)).await;
            assert_eq!(status, StatusCode::CREATED, "{method} {path}: {answer}");
            let entries = bulk.entries().await;
            let [entry] = &entries[..] else { panic!("{path}: {entries:?}") };
            assert_eq!((entry.level.as_str(), entry.message.as_str()), ("WARN", "m"));
            assert_eq!(entry.service_name.as_str(), index);
            let attributes: Value =
                serde_json::from_str(entry.attributes.as_ref().unwrap().as_str()).unwrap();
            assert_eq!((&attributes["index"], attributes["_id"].as_str()), (&json!(index), id));
            let expected = id.map_or_else(|| entry.id.to_string(), str::to_owned);
            assert_eq!(answer["_id"].take(), json!(expected), "{path}");
            assert_eq!((&answer["_index"], &answer["result"]), (&json!(index), &json!("created")));
        }
    }
}

#[tokio::test]
async fn a_single_document_with_an_id_is_saved_once() {
    let bulk = Bulk::open().await;
    let mut ids = Vec::new();
    for path in ["/shop/_doc/17", "/shop/_create/17", "/elastic/shop/_doc/17"] {
        call(&bulk.client(), request(&Method::PUT, path, DOCUMENT)).await;
        ids.extend(bulk.entries().await.iter().map(|entry| entry.id));
    }
    let action = r#"{"index":{"_index":"shop","_id":"17"}}"#;
    ids.extend(bulk.save(&format!("{action}\n{DOCUMENT}\n")).await.iter().map(|entry| entry.id));
    assert_eq!(ids, [ids[0]; 4]);
}

#[tokio::test]
async fn an_invalid_single_document_gets_an_elasticsearch_error() {
    let bulk = Bulk::open().await;
    let large = format!(r#"{{"message":"{}"}}"#, "m".repeat(MAX_ENTRY_BYTES));
    let long_id = format!("/shop/_doc/{}", "i".repeat(513));
    for (path, document, status) in [
        ("/shop/_doc", "[]", 400),
        ("/shop/_doc", "", 400),
        ("/shop/_doc", &*large, 413),
        (&*long_id, DOCUMENT, 400),
    ] {
        let (found, answer) = call(&bulk.client(), request(&Method::POST, path, document)).await;
        assert_eq!((found.as_u16(), &answer["status"]), (status, &json!(status)), "{answer}");
        assert!(answer["error"]["reason"].is_string(), "{answer}");
    }
    bulk.assert_nothing_was_saved().await;
}

#[tokio::test]
async fn a_single_document_is_refused_with_503_while_the_queue_is_down() {
    let client = client_without_queue();
    let (status, answer) = call(&client, request(&Method::POST, "/shop/_doc", DOCUMENT)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert_eq!(answer["error"]["type"], "es_rejected_execution_exception");
}
