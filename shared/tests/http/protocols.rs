//! Functions for other protocols: errors in the protocol's own format, and ignored query
//! parameters.

use poem::http::{HeaderMap, StatusCode, header};
use poem::test::TestClient;
use poem::{Endpoint, Response};
use shared::config::HttpConfig;
use shared::http::{Function, Problem, RateLimit};
use tokio_util::sync::CancellationToken;

use super::support::{Things, rate_limit};

/// Formats the problem as text, followed by the request's `Accept`.
fn as_text(problem: &Problem, request: &HeaderMap) -> Response {
    let accept = request.get(header::ACCEPT).map_or("", |value| value.to_str().unwrap());
    Response::builder()
        .status(StatusCode::from_u16(problem.status).unwrap())
        .content_type("text/plain")
        .header("x-protocol", "test")
        .body(format!("{} for {accept}", problem.detail))
}

fn client(
    function: Function,
    rate_limit: Option<RateLimit>,
) -> TestClient<impl Endpoint<Output = Response>> {
    let shutdown = CancellationToken::new();
    let functions = vec![function.problems_as(as_text)];
    let config = HttpConfig::default();
    TestClient::new(shared::http::endpoint(functions, &config, rate_limit, &shutdown).unwrap())
}

#[tokio::test]
async fn every_problem_on_a_functions_paths_has_the_functions_format() {
    let client = client(Function::new("things", Things), None);
    for (path, status, body) in [
        ("/things/x", 400, "failed to parse"),
        ("/things/1?x=1", 400, "x"),
        ("/things", 405, "method not allowed; this path accepts POST"),
        ("/teapot", 418, "418 I'm a teapot"),
        ("/panic", 500, "internal error"),
        ("/unavailable", 503, "the queue is unavailable"),
    ] {
        let response = client.get(path).header(header::ACCEPT, "a/b").send().await;
        response.assert_status(StatusCode::from_u16(status).unwrap());
        response.assert_content_type("text/plain");
        response.assert_header("x-protocol", "test");
        let retry_after = response.0.header(header::RETRY_AFTER).map(str::to_owned);
        assert_eq!(retry_after.as_deref(), (status == 503).then_some("1"), "{path}");
        let text = response.0.into_body().into_string().await.unwrap();
        assert!(text.contains(body) && text.ends_with(" for a/b"), "{path}: {text}");
    }

    let response = client.get("/missing").send().await;
    response.assert_content_type("application/problem+json");
    client.get("/things/1").send().await.assert_text("1").await;
}

#[tokio::test]
async fn a_rate_limited_response_has_the_functions_format() {
    let client = client(Function::new("things", Things), Some(rate_limit(Some(0))));
    let response = client.get("/things/1").send().await;
    response.assert_status(StatusCode::TOO_MANY_REQUESTS);
    response.assert_content_type("text/plain");
    response.assert_header(header::RETRY_AFTER, "2");
    response.assert_text("too many requests from this client; retry in 2 s for ").await;
}

#[tokio::test]
async fn unknown_query_parameters_may_be_ignored() {
    let client = client(Function::ignoring_queries("things", Things), None);
    client.get("/things/1?x=1").send().await.assert_text("1").await;
}
