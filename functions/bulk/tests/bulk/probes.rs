use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response};
use serde_json::{Value, json};

use crate::support::{Bulk, call, client_without_queue, send};

fn request(method: Method, path: &str) -> Request {
    Request::builder().method(method).uri_str(path).finish()
}

/// The value at a path such as `version.number`.
fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    value.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn unsupported_operations_get_an_elasticsearch_error() {
    let bulk = Bulk::open().await;
    for (method, path) in
        [(Method::POST, "/elastic/logs/_refresh"), (Method::GET, "/elastic/_nodes/http")]
    {
        let request = Request::builder().method(method).uri_str(path).finish();
        let (status, response) = call(&bulk.client(), request).await;
        assert_eq!(
            (status, &response["status"]),
            (StatusCode::NOT_FOUND, &404.into()),
            "{response}"
        );
    }
}

#[tokio::test]
async fn clients_find_a_product_with_a_license() {
    let bulk = Bulk::open().await;
    let client = bulk.client();
    for (path, field, expected) in [
        ("/", "tagline", json!("You Know, for Search")),
        ("/elastic", "tagline", json!("You Know, for Search")),
        ("/elastic/", "version.build_flavor", json!("default")),
        ("/_license?human=false", "license.status", json!("active")),
        ("/elastic/_license", "license.type", json!("basic")),
        ("/_xpack", "features.ilm.available", json!(true)),
        ("/elastic/_xpack", "features.ilm.enabled", json!(true)),
        ("/_cluster/health?timeout=5s&wait_for_status=yellow", "status", json!("green")),
        ("/elastic/_cluster/health/logs", "timed_out", json!(false)),
    ] {
        let (status, response) = call(&client, request(Method::GET, path)).await;
        assert_eq!(
            (status, at(&response, field)),
            (StatusCode::OK, &expected),
            "{path}: {response}"
        );
    }
    let (_, product) = call(&client, request(Method::GET, "/")).await;
    assert!(at(&product, "version.number").as_str().unwrap().starts_with("8."), "{product}");
    for path in ["/", "/elastic/"] {
        let response = send(&client, request(Method::HEAD, path)).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn the_root_path_returns_the_product_except_to_browsers() {
    let bulk = Bulk::open().await;
    let client = bulk.client();
    for (accept, expected) in [
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", StatusCode::NOT_FOUND),
        ("application/json", StatusCode::OK),
        ("*/*", StatusCode::OK),
    ] {
        let request = Request::builder().uri_str("/").header("accept", accept).finish();
        assert_eq!(client.get_response(request).await.status(), expected, "{accept}");
    }
}

#[tokio::test]
async fn templates_and_indexes_do_not_exist_but_can_be_created() {
    let bulk = Bulk::open().await;
    let client = bulk.client();
    for prefix in ["", "/elastic"] {
        for path in [
            "_ilm/policy/filebeat",
            "_index_template/filebeat-7.17.29",
            "_component_template/a",
            "_template/a",
            "_alias/filebeat-7.17.29",
            "_data_stream/a",
        ] {
            let path = format!("{prefix}/{path}");
            let (status, response) = call(&client, request(Method::GET, &path)).await;
            assert_eq!(
                (status, &response["status"]),
                (StatusCode::NOT_FOUND, &json!(404)),
                "{path}"
            );
            assert_eq!(response["error"]["type"], "resource_not_found_exception");
            let response = send(&client, request(Method::HEAD, &path)).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            let create = Request::builder().method(Method::PUT).uri_str(&path).body("{\"a\":1}");
            let expected = (StatusCode::OK, json!({"acknowledged": true}));
            assert_eq!(call(&client, create).await, expected, "{path}");
        }
        let index = format!("{prefix}/%3Cfilebeat-7.17.29-%7Bnow%2Fd%7D-000001%3E");
        let (status, response) = call(&client, request(Method::PUT, &index)).await;
        assert_eq!((status, &response["acknowledged"]), (StatusCode::OK, &json!(true)));
        assert_eq!(response["index"], "<filebeat-7.17.29-{now/d}-000001>");
        let (status, _) = call(&client, request(Method::PUT, &format!("{prefix}/_settings"))).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn index_paths_do_not_hide_logpulse_errors() {
    let bulk = Bulk::open().await;
    let client = bulk.client();
    for (method, path) in [
        (Method::GET, "/nothing"),
        (Method::HEAD, "/filebeat-7.17.29"),
        (Method::DELETE, "/nothing"),
        (Method::GET, "/nothing/_bulk"),
        (Method::GET, "/nothing/at/all"),
    ] {
        let response: Response = client.get_response(request(method, path)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.content_type(), Some("application/problem+json"), "{path}");
    }
    let response = send(&client, request(Method::HEAD, "/elastic/filebeat-7.17.29")).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let (status, response) = call(&client, request(Method::GET, "/_bulk")).await;
    assert_eq!((status, &response["status"]), (StatusCode::METHOD_NOT_ALLOWED, &json!(405)));
}

#[tokio::test]
async fn the_cluster_health_follows_the_queue() {
    let response = send(&Bulk::open().await.client(), request(Method::GET, "/_cat/health")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let line = response.into_body().into_string().await.unwrap();
    assert_eq!(line.split_whitespace().nth(3), Some("green"), "{line}");

    let client = client_without_queue();
    for path in ["/_cat/health", "/elastic/_cat/health", "/_cluster/health"] {
        let (status, response) = call(&client, request(Method::GET, path)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(response["error"]["type"], "es_rejected_execution_exception", "{path}");
    }
}
