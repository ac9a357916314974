//! What leaves the runtime: answers with their fields, and problems for everything else.

use std::sync::Arc;

use poem::{
    Endpoint, Response,
    http::{Method, StatusCode},
    test::{TestClient, TestResponse},
};
use serde_json::Value;
use shared::{config::HttpConfig, http::Function};
use tokio_util::sync::CancellationToken;

use super::function::{
    Connection, Port, Server, Things, behind_proxy, endpoint, function, rate_limit,
};

fn client() -> TestClient<impl Endpoint<Output = Response>> {
    TestClient::new(endpoint(&HttpConfig::default(), None))
}

/// The problem that the answer must be.
async fn problem(answer: TestResponse, status: StatusCode) -> Value {
    answer.assert_status(status);
    answer.assert_content_type("application/problem+json");
    let body = answer.0.into_body().into_vec().await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["title"], status.canonical_reason().unwrap());
    assert_eq!(problem["type"], "about:blank");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    problem
}

#[tokio::test]
async fn a_path_that_is_not_there_is_a_problem_that_leads_to_the_document() {
    for path in ["/", "/nothing", "/things/1/2", "/Things/1", "/things/"] {
        let answer = client().get(path).send().await;
        let problem = problem(answer, StatusCode::NOT_FOUND).await;
        assert!(problem["detail"].as_str().unwrap().contains("/docs"));
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_a_problem_that_names_those_it_takes() {
    for (method, path, allow) in [
        (Method::DELETE, "/things/17", "GET, HEAD"),
        (Method::GET, "/things", "POST"),
        (Method::OPTIONS, "/ping", "GET, HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/ping", "GET, HEAD"),
    ] {
        let answer = client().request(method, path).send().await;
        answer.assert_header("allow", allow);
        let problem = problem(answer, StatusCode::METHOD_NOT_ALLOWED).await;
        assert!(problem["detail"].as_str().unwrap().ends_with(allow));
    }
}

#[tokio::test]
async fn what_poem_refuses_is_a_problem_that_does_not_repeat_the_input_at_length() {
    let long = "x".repeat(5000);
    let answer = client().get(format!("/things/{long}")).send().await;
    let problem_of_path = problem(answer, StatusCode::BAD_REQUEST).await;
    assert!(problem_of_path["detail"].as_str().unwrap().len() <= 200, "{problem_of_path}");
    let answer = client().post("/things").content_type("image/png").body("x").send().await;
    problem(answer, StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
}

#[tokio::test]
async fn an_error_of_any_form_is_a_problem() {
    problem(client().get("/teapot").send().await, StatusCode::IM_A_TEAPOT).await;
    let answer = client().get("/away").send().await;
    answer.assert_header("retry-after", "1");
    let away = problem(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(away["detail"], "the queue is unavailable: try again");
}

#[tokio::test]
async fn an_error_of_ours_keeps_its_cause_to_itself() {
    let answer = client().get("/broken").send().await;
    let problem = problem(answer, StatusCode::INTERNAL_SERVER_ERROR).await;
    assert!(!problem.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_next_request_is_answered() {
    let server = Server::start(HttpConfig::default(), None).await;
    let mut connection = Connection::open(server.address).await;
    let answer = connection.get("/panic").await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(connection.get("/things/17").await.body, "17");
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let answer = client().head("/things/17").send().await;
    answer.assert_status_is_ok();
    answer.assert_text("").await;
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_is_not_to_be_sniffed() {
    for path in ["/ping", "/healthz", "/nothing", "/panic"] {
        let answer = client().get(path).send().await;
        answer.assert_header("x-content-type-options", "nosniff");
        answer.assert_header_exist("x-request-id");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_from_a_trusted_proxy_only() {
    for (config, taken) in [(behind_proxy(), true), (HttpConfig::default(), false)] {
        let server = Server::start(config, None).await;
        let mut connection = Connection::open(server.address).await;
        let answer = connection.get_with("/ping", "X-Request-Id: abc\r\n").await;
        assert_eq!(answer.header("x-request-id") == Some("abc"), taken);
    }
}

#[tokio::test]
async fn an_allowed_answer_says_how_the_client_stands_and_a_refused_one_when_to_come_again() {
    let client = TestClient::new(endpoint(&HttpConfig::default(), Some(rate_limit(Some(2)))));
    for (remaining, path) in [(1, "/ping"), (0, "/nothing")] {
        let answer = client.get(path).send().await;
        answer.assert_header("ratelimit-policy", "\"client\";q=100;w=2");
        answer.assert_header("ratelimit", format!("\"client\";r={remaining};t=1"));
        assert!(answer.0.header("retry-after").is_none());
    }
    let answer = client.get("/ping").send().await;
    answer.assert_header("ratelimit-policy", "\"client\";q=100;w=2");
    answer.assert_header("ratelimit", "\"client\";r=0;t=2");
    answer.assert_header("retry-after", "2");
    problem(answer, StatusCode::TOO_MANY_REQUESTS).await;
}

#[tokio::test]
async fn the_probes_are_not_limited() {
    let client = TestClient::new(endpoint(&HttpConfig::default(), Some(rate_limit(Some(0)))));
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = client.get(path).send().await;
        answer.assert_status_is_ok();
        assert!(answer.0.header("ratelimit").is_none(), "{path}");
    }
    client.get("/ping").send().await.assert_status(StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn requests_pass_while_the_limiter_is_broken() {
    let client = TestClient::new(endpoint(&HttpConfig::default(), Some(rate_limit(None))));
    for _ in 0..10 {
        let answer = client.get("/ping").send().await;
        answer.assert_status_is_ok();
        answer.assert_json(serde_json::json!({ "message": "pong" })).await;
    }
    let metrics = client.get("/metrics").send().await.0.into_body().into_string().await.unwrap();
    assert!(metrics.contains("rate_limit_failures_total"), "{metrics}");
}

#[tokio::test]
async fn a_client_cannot_take_another_address_but_a_trusted_proxy_can_name_it() {
    for (config, status) in [(HttpConfig::default(), 429), (behind_proxy(), 200)] {
        let server = Server::start(config, Some(rate_limit(Some(1)))).await;
        let mut connection = Connection::open(server.address).await;
        connection.get_with("/ping", "X-Real-IP: 203.0.113.1\r\n").await;
        let second = connection.get_with("/ping", "X-Real-IP: 203.0.113.2\r\n").await;
        assert_eq!(second.status, status);
    }
}

#[tokio::test]
async fn a_second_attempt_of_the_proxy_has_the_same_id_and_anybody_elses_has_not() {
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
async fn a_process_is_ready_when_all_its_ports_answer() {
    let functions = || {
        let ready = Arc::new(Port { ready: true });
        function().requires("queue", ready.clone()).requires("index", ready)
    };
    let shutdown = CancellationToken::new();
    let config = HttpConfig::default();
    let endpoint = shared::http::endpoint(vec![functions()], &config, None, &shutdown).unwrap();
    let client = TestClient::new(endpoint);
    let answer = client.get("/readyz").send().await;
    answer.assert_status_is_ok();
    answer.assert_json(serde_json::json!({ "status": "ready", "ports": ["index", "queue"] })).await;
    shutdown.cancel();
    let answer = client.get("/readyz").send().await;
    let problem = problem(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(problem["detail"], "the process is shutting down");
    client.get("/healthz").send().await.assert_status_is_ok();
}

#[tokio::test]
async fn a_port_that_does_not_answer_is_named() {
    let function = function()
        .requires("queue", Arc::new(Port { ready: true }))
        .requires("store", Arc::new(Port { ready: false }));
    let shutdown = CancellationToken::new();
    let config = HttpConfig::default();
    let endpoint = shared::http::endpoint(vec![function], &config, None, &shutdown).unwrap();
    let answer = TestClient::new(endpoint).get("/readyz").send().await;
    let problem = problem(answer, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(problem["detail"], "no answer from: store");
}

#[tokio::test]
async fn metrics_speak_of_routes_never_of_paths() {
    let client = client();
    client.get("/things/4711").send().await.assert_status_is_ok();
    client.get("/no/such/4711").send().await.assert_status(StatusCode::NOT_FOUND);
    let answer = client.get("/metrics").send().await;
    answer.assert_content_type("text/plain; version=0.0.4; charset=utf-8");
    let metrics = answer.0.into_body().into_string().await.unwrap();
    for line in [
        r#"http_requests_total{method="GET",route="/things/{id}",status="200"}"#,
        r#"http_requests_total{method="GET",route="none",status="404"}"#,
        r#"http_request_duration_seconds_bucket{method="GET",route="/things/{id}",le="0.01"}"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    assert!(!metrics.contains("4711"), "{metrics}");
}

#[test]
fn two_functions_with_the_same_operation_are_refused_by_name() {
    let functions = vec![function(), Function::new("others", Things)];
    let shutdown = CancellationToken::new();
    let refused = shared::http::endpoint(functions, &HttpConfig::default(), None, &shutdown);
    let error = refused.err().unwrap().to_string();
    assert!(error.ends_with(r#"is served by "things" and by "others""#), "{error}");
}
