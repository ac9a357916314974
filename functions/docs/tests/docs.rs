//! The function, called without a network: the document, and a self-contained page.

#![allow(clippy::unwrap_used, reason = "test code: a panic is a failed test")]

use poem::{Endpoint, Response, http::StatusCode, test::TestClient};
use shared::config::HttpConfig;
use tokio_util::sync::CancellationToken;

fn client() -> TestClient<impl Endpoint<Output = Response>> {
    let functions = vec![docs::function()];
    let shutdown = CancellationToken::new();
    let endpoint = shared::http::endpoint(functions, &HttpConfig::default(), None, &shutdown);
    TestClient::new(endpoint.unwrap())
}

#[tokio::test]
async fn the_document_is_the_committed_one() {
    let response = client().get("/openapi.json").send().await;
    response.assert_status_is_ok();
    response.assert_content_type("application/json");
    let document = response.0.into_body().into_string().await.unwrap();
    assert_eq!(document, include_str!("../../../openapi/openapi.json"));
}

#[tokio::test]
async fn docs_redirects_to_the_page() {
    let response = client().get("/docs").send().await;
    response.assert_status(StatusCode::TEMPORARY_REDIRECT);
    response.assert_header("location", "docs/");
    let response = client().get("/docs/").send().await;
    response.assert_status_is_ok();
    response.assert_content_type("text/html");
}

#[tokio::test]
async fn the_page_has_no_external_urls_and_no_inline_scripts() {
    let response = client().get("/docs/").send().await;
    let policy = response.0.header("content-security-policy").unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = response.0.into_body().into_string().await.unwrap();
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    assert!(!page.contains("<style") && !page.contains("<script>"), "{page}");
}

#[tokio::test]
async fn every_file_of_the_page_is_served_and_refers_to_the_document() {
    for (file, kind) in [
        ("swagger-ui.css", "text/css"),
        ("index.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui-standalone-preset.js", "text/javascript"),
        ("favicon-32x32.png", "image/png"),
    ] {
        let response = client().get(format!("/docs/{file}")).send().await;
        response.assert_status_is_ok();
        response.assert_content_type(kind);
    }
    let response = client().get("/docs/swagger-initializer.js").send().await;
    let script = response.0.into_body().into_string().await.unwrap();
    assert!(script.contains(r#""url": "../openapi.json""#), "{script}");
}

#[tokio::test]
async fn an_unknown_file_is_a_404_problem() {
    for path in ["/docs/nothing.js", "/docs/../Cargo.toml", "/docs/%2e%2e/Cargo.toml"] {
        let response = client().get(path).send().await;
        response.assert_status(StatusCode::NOT_FOUND);
        response.assert_content_type("application/problem+json");
    }
}
