//! The runtime's responses: their headers, a problem for every error, and metrics.

use std::sync::Arc;

use poem::{
    Endpoint, Response,
    endpoint::make_sync,
    http::{Method, StatusCode},
    test::{TestClient, TestResponse},
};
use serde_json::Value;
use shared::{config::HttpConfig, http::Function};
use tokio_util::sync::CancellationToken;

use super::support::{
    Connection, Port, Server, Things, behind_proxy, endpoint, function, rate_limit,
};

fn client() -> TestClient<impl Endpoint<Output = Response>> {
    TestClient::new(endpoint(&HttpConfig::default(), None))
}

/// Asserts that the response is a problem with this status, and returns it.
async fn problem(response: TestResponse, status: StatusCode) -> Value {
    response.assert_status(status);
    response.assert_content_type("application/problem+json");
    let body = response.0.into_body().into_vec().await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["title"], status.canonical_reason().unwrap());
    assert_eq!(problem["type"], "about:blank");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    problem
}

#[tokio::test]
async fn an_unknown_path_gets_404_with_a_pointer_to_the_docs() {
    for path in ["/", "/missing", "/things/1/2", "/Things/1", "/things/"] {
        let response = client().get(path).send().await;
        let problem = problem(response, StatusCode::NOT_FOUND).await;
        assert_eq!(problem["detail"], "no such path; see /docs");
    }
}

#[tokio::test]
async fn an_unsupported_method_gets_405_with_the_allowed_methods() {
    for (method, path, allow) in [
        (Method::DELETE, "/things/17", "GET, HEAD"),
        (Method::GET, "/things", "POST"),
        (Method::OPTIONS, "/ping", "GET, HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/ping", "GET, HEAD"),
    ] {
        let response = client().request(method, path).send().await;
        response.assert_header("allow", allow);
        let problem = problem(response, StatusCode::METHOD_NOT_ALLOWED).await;
        let detail = format!("method not allowed; this path accepts {allow}");
        assert_eq!(problem["detail"], detail);
    }
}

#[tokio::test]
async fn poem_errors_are_problems_with_truncated_details() {
    let long = "x".repeat(5000);
    let response = client().get(format!("/things/{long}")).send().await;
    let path_problem = problem(response, StatusCode::BAD_REQUEST).await;
    assert!(path_problem["detail"].as_str().unwrap().len() <= 200, "{path_problem}");
    let response = client().post("/things").content_type("image/png").body("x").send().await;
    problem(response, StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
}

#[tokio::test]
async fn operation_errors_are_problems() {
    problem(client().get("/teapot").send().await, StatusCode::IM_A_TEAPOT).await;
    let response = client().get("/unavailable").send().await;
    response.assert_header("retry-after", "1");
    let unavailable = problem(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(unavailable["detail"], "the queue is unavailable; retry later");
}

#[tokio::test]
async fn an_internal_error_does_not_reveal_its_cause() {
    let response = client().get("/broken").send().await;
    let problem = problem(response, StatusCode::INTERNAL_SERVER_ERROR).await;
    let detail = "internal error; quote the X-Request-Id of this response when you report it";
    assert_eq!(problem["detail"], detail);
    assert!(!problem.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_panic_results_in_500_and_the_connection_stays_open() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    let response = connection.get("/panic").await;
    assert_eq!(response.status, 500);
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(connection.get("/things/17").await.body, "17");
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let response = client().head("/things/17").send().await;
    response.assert_status_is_ok();
    response.assert_text("").await;
}

#[tokio::test]
async fn every_response_has_a_request_id_and_nosniff() {
    for path in ["/ping", "/healthz", "/missing", "/panic"] {
        let response = client().get(path).send().await;
        response.assert_header("x-content-type-options", "nosniff");
        response.assert_header_exist("x-request-id");
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_may_set_the_request_id() {
    for (config, accepted) in [(behind_proxy(), true), (HttpConfig::default(), false)] {
        let server = Server::start(config, None).await;
        let mut connection = Connection::open(server.address).await;
        let response = connection.get_with("/ping", "X-Request-Id: abc\r\n").await;
        assert_eq!(response.header("x-request-id") == Some("abc"), accepted);
    }
}

#[tokio::test]
async fn responses_contain_the_remaining_quota() {
    let client = TestClient::new(endpoint(&HttpConfig::default(), Some(rate_limit(Some(2)))));
    for (remaining, path) in [(1, "/ping"), (0, "/missing")] {
        let response = client.get(path).send().await;
        response.assert_header("ratelimit-policy", "\"client\";q=100;w=2");
        response.assert_header("ratelimit", format!("\"client\";r={remaining};t=1"));
        assert!(response.0.header("retry-after").is_none());
    }
    let response = client.get("/ping").send().await;
    response.assert_header("ratelimit-policy", "\"client\";q=100;w=2");
    response.assert_header("ratelimit", "\"client\";r=0;t=2");
    response.assert_header("retry-after", "2");
    let problem = problem(response, StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(problem["detail"], "too many requests from this client; retry in 2 s");
}

#[tokio::test]
async fn probes_are_not_rate_limited() {
    let client = TestClient::new(endpoint(&HttpConfig::default(), Some(rate_limit(Some(0)))));
    for path in ["/healthz", "/readyz", "/metrics"] {
        let response = client.get(path).send().await;
        response.assert_status_is_ok();
        assert!(response.0.header("ratelimit").is_none(), "{path}");
    }
    client.get("/ping").send().await.assert_status(StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_function_can_be_exempt_from_the_rate_limit() {
    let page = make_sync(|_| "page");
    let functions = vec![Function::without_api("page").without_rate_limit().route("/page", page)];
    let shutdown = CancellationToken::new();
    let limit = Some(rate_limit(Some(0)));
    let endpoint = shared::http::endpoint(functions, &HttpConfig::default(), limit, &shutdown);
    let client = TestClient::new(endpoint.unwrap());
    let response = client.get("/page").send().await;
    response.assert_status_is_ok();
    assert!(response.0.header("ratelimit").is_none());
    client.get("/ping").send().await.assert_status(StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn requests_pass_while_the_limiter_is_unavailable() {
    let client = TestClient::new(endpoint(&HttpConfig::default(), Some(rate_limit(None))));
    for _ in 0..10 {
        let response = client.get("/ping").send().await;
        response.assert_status_is_ok();
        response.assert_json(serde_json::json!({ "message": "pong" })).await;
    }
    let metrics = client.get("/metrics").send().await.0.into_body().into_string().await.unwrap();
    assert!(metrics.contains("\nrate_limit_failures_total 10\n"), "{metrics}");
}

#[tokio::test]
async fn only_a_trusted_proxy_may_set_the_client_address() {
    for (config, status) in [(HttpConfig::default(), 429), (behind_proxy(), 200)] {
        let server = Server::start(config, Some(rate_limit(Some(1)))).await;
        let mut connection = Connection::open(server.address).await;
        connection.get_with("/ping", "X-Real-IP: 203.0.113.1\r\n").await;
        let second = connection.get_with("/ping", "X-Real-IP: 203.0.113.2\r\n").await;
        assert_eq!(second.status, status);
    }
}

#[tokio::test]
async fn only_retries_by_a_trusted_proxy_get_the_same_entry_id() {
    let now = shared::Timestamp::now().as_micros() / 1000;
    let start = format!("t={}.{:03}", now / 1000, now % 1000);
    let headers = format!("X-Request-Id: abc\r\nX-Request-Start: {start}\r\n");
    for (config, same) in [(behind_proxy(), true), (HttpConfig::default(), false)] {
        let server = Server::start(config, None).await;
        let mut connection = Connection::open(server.address).await;
        let first = connection.get_with("/id", &headers).await.body;
        let second = connection.get_with("/id", &headers).await.body;
        assert_eq!(first == second, same);
    }
}

#[tokio::test]
async fn a_process_is_ready_when_all_its_ports_are_ready() {
    let ready_function = || {
        let ready = Arc::new(Port { ready: true });
        function().requires("queue", ready.clone()).requires("index", ready)
    };
    let shutdown = CancellationToken::new();
    let config = HttpConfig::default();
    let endpoint =
        shared::http::endpoint(vec![ready_function()], &config, None, &shutdown).unwrap();
    let client = TestClient::new(endpoint);
    let response = client.get("/readyz").send().await;
    response.assert_status_is_ok();
    response
        .assert_json(serde_json::json!({ "status": "ready", "ports": ["index", "queue"] }))
        .await;
    shutdown.cancel();
    let response = client.get("/readyz").send().await;
    let problem = problem(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(problem["detail"], "the process is shutting down");
    client.get("/healthz").send().await.assert_status_is_ok();
}

#[tokio::test]
async fn the_readiness_problem_names_the_ports_that_are_not_ready() {
    let function = function()
        .requires("queue", Arc::new(Port { ready: true }))
        .requires("store", Arc::new(Port { ready: false }));
    let shutdown = CancellationToken::new();
    let config = HttpConfig::default();
    let endpoint = shared::http::endpoint(vec![function], &config, None, &shutdown).unwrap();
    let response = TestClient::new(endpoint).get("/readyz").send().await;
    let problem = problem(response, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(problem["detail"], "not ready: store");
}

#[tokio::test]
async fn metrics_are_labelled_with_routes_not_paths() {
    let client = client();
    client.get("/things/4711").send().await.assert_status_is_ok();
    client.get("/no/such/4711").send().await.assert_status(StatusCode::NOT_FOUND);
    let response = client.get("/metrics").send().await;
    response.assert_content_type("text/plain; version=0.0.4; charset=utf-8");
    let metrics = response.0.into_body().into_string().await.unwrap();
    for line in [
        r#"http_requests_total{method="GET",route="/things/{id}",status="200"}"#,
        r#"http_requests_total{method="GET",route="none",status="404"}"#,
        r#"http_request_duration_seconds_bucket{method="GET",route="/things/{id}",le="0.01"}"#,
    ] {
        assert!(metrics.contains(line), "{line} is missing from\n{metrics}");
    }
    assert!(!metrics.contains("4711"), "{metrics}");
}

#[test]
fn two_functions_cannot_serve_the_same_operation() {
    let functions = vec![function(), Function::new("others", Things)];
    let shutdown = CancellationToken::new();
    let result = shared::http::endpoint(functions, &HttpConfig::default(), None, &shutdown);
    let error = result.err().unwrap().to_string();
    assert!(error.ends_with(r#"is served by "things" and by "others""#), "{error}");
}
