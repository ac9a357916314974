//! The function from outside: the document, and a page that needs nothing but itself.

#![allow(clippy::unwrap_used, reason = "these are tests")]

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
    let answer = client().get("/openapi.json").send().await;
    answer.assert_status_is_ok();
    answer.assert_content_type("application/json");
    let document = answer.0.into_body().into_string().await.unwrap();
    assert_eq!(document, include_str!("../../../openapi/openapi.json"));
}

#[tokio::test]
async fn the_page_is_found_with_and_without_the_last_slash() {
    let answer = client().get("/docs").send().await;
    answer.assert_status(StatusCode::TEMPORARY_REDIRECT);
    answer.assert_header("location", "docs/");
    let answer = client().get("/docs/").send().await;
    answer.assert_status_is_ok();
    answer.assert_content_type("text/html");
}

#[tokio::test]
async fn nothing_is_loaded_from_elsewhere_and_no_script_stands_in_the_page() {
    let answer = client().get("/docs/").send().await;
    let policy = answer.0.header("content-security-policy").unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = answer.0.into_body().into_string().await.unwrap();
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    assert!(!page.contains("<style") && !page.contains("<script>"), "{page}");
}

#[tokio::test]
async fn every_file_of_the_page_is_there_and_the_document_is_found_from_it() {
    for (file, kind) in [
        ("swagger-ui.css", "text/css"),
        ("index.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui-standalone-preset.js", "text/javascript"),
        ("favicon-32x32.png", "image/png"),
    ] {
        let answer = client().get(format!("/docs/{file}")).send().await;
        answer.assert_status_is_ok();
        answer.assert_content_type(kind);
    }
    let answer = client().get("/docs/swagger-initializer.js").send().await;
    let script = answer.0.into_body().into_string().await.unwrap();
    assert!(script.contains(r#""url": "../openapi.json""#), "{script}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_a_problem() {
    for path in ["/docs/nothing.js", "/docs/../Cargo.toml", "/docs/%2e%2e/Cargo.toml"] {
        let answer = client().get(path).send().await;
        answer.assert_status(StatusCode::NOT_FOUND);
        answer.assert_content_type("application/problem+json");
    }
}
