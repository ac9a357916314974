//! Requests from pages with other origins (CORS).

use poem::http::{Method, StatusCode, header};
use poem::test::{TestClient, TestResponse};
use shared::config::{AllowedOrigins, HttpConfig};

use super::support::{endpoint, rate_limit};

const APP: &str = "https://app.example.com";
const OTHER: &str = "https://other.example.com";

fn config(origins: &str) -> HttpConfig {
    HttpConfig { cors_allowed_origins: origins.parse().unwrap(), ..HttpConfig::default() }
}

/// The response headers that concern CORS: the allowed origin, and `Vary`.
fn headers(response: &TestResponse) -> (Option<&str>, Option<&str>) {
    (response.0.header("access-control-allow-origin"), response.0.header("vary"))
}

#[tokio::test]
async fn only_allowed_origins_may_read_responses_including_errors() {
    let both = format!("http://localhost:5173, {APP}");
    for (origins, origin, allowed, vary) in [
        (both.as_str(), Some(APP), Some(APP), Some("Origin")),
        (&both, Some("http://localhost:5173"), Some("http://localhost:5173"), Some("Origin")),
        (&both, Some("http://localhost"), None, Some("Origin")),
        (&both, Some(OTHER), None, Some("Origin")),
        (&both, Some("null"), None, Some("Origin")),
        (&both, None, None, Some("Origin")),
        ("*", Some(OTHER), Some("*"), Some("Origin")),
        ("*", None, None, Some("Origin")),
        ("", Some(APP), None, None),
    ] {
        let client = TestClient::new(endpoint(&config(origins), None));
        for (path, status) in [("/ping", 200), ("/things/1", 200), ("/missing", 404)] {
            let mut request = client.get(path);
            if let Some(origin) = origin {
                request = request.header(header::ORIGIN, origin);
            }
            let response = request.send().await;
            assert_eq!(response.0.status(), status, "{origins}: {origin:?} {path}");
            assert_eq!(headers(&response), (allowed, vary), "{origins}: {origin:?} {path}");
            let exposed = response.0.header("access-control-expose-headers");
            let expected = "X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, Location";
            assert_eq!(exposed, allowed.map(|_| expected), "{origins}: {origin:?} {path}");
            assert_eq!(response.0.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test]
async fn a_preflight_response_lists_allowed_headers_and_takes_no_token() {
    let client = TestClient::new(endpoint(&config(APP), Some(rate_limit(Some(1)))));
    for _ in 0..3 {
        let request = client.request(Method::OPTIONS, "/things").header(header::ORIGIN, APP);
        let response = request.header("access-control-request-method", "POST").send().await;
        response.assert_status(StatusCode::NO_CONTENT);
        assert_eq!(headers(&response), (Some(APP), Some("Origin")));
        response.assert_header("access-control-allow-methods", "GET, POST, DELETE");
        let allowed = "Content-Type, Content-Encoding, Prefer, traceparent";
        response.assert_header("access-control-allow-headers", allowed);
        response.assert_header("access-control-max-age", "7200");
        assert_eq!(response.0.header("ratelimit"), None);
    }
    client.get("/ping").header(header::ORIGIN, APP).send().await.assert_status_is_ok();
    let refused = client.get("/ping").header(header::ORIGIN, APP).send().await;
    refused.assert_status(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(headers(&refused), (Some(APP), Some("Origin")));
}

#[tokio::test]
async fn options_requests_from_other_origins_get_405_as_without_cors() {
    for (config, vary) in [(config(APP), Some("Origin")), (config(""), None)] {
        let client = TestClient::new(endpoint(&config, None));
        let request = client.request(Method::OPTIONS, "/things").header(header::ORIGIN, OTHER);
        let response = request.header("access-control-request-method", "POST").send().await;
        response.assert_status(StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(headers(&response), (None, vary));
    }
}

#[test]
fn no_origin_is_allowed_by_default() {
    assert_eq!(HttpConfig::default().cors_allowed_origins, AllowedOrigins::Listed(Vec::new()));
}
