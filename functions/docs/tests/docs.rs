//! Calls the function without a network. It serves the document and a self-contained page.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::io::Read;

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
async fn the_committed_document_is_served() {
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
async fn every_page_file_is_served_and_the_script_loads_the_document() {
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

/// Requests a file, and returns the response's body and content encoding.
async fn get(path: &str, accept_encoding: &str) -> (Vec<u8>, Option<String>) {
    let client = client();
    let response = client.get(path).header("accept-encoding", accept_encoding).send().await;
    response.assert_status_is_ok();
    let vary = response.0.header("vary").map(str::to_owned);
    assert_eq!(vary.as_deref(), Some("Accept-Encoding"), "{path}");
    let encoding = response.0.header("content-encoding").map(str::to_owned);
    (response.0.into_body().into_vec().await.unwrap(), encoding)
}

#[tokio::test]
async fn files_are_compressed_for_clients_that_accept_gzip() {
    for path in [
        "/openapi.json",
        "/docs/",
        "/docs/swagger-ui.css",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-initializer.js",
    ] {
        let (plain, encoding) = get(path, "identity").await;
        assert_eq!(encoding, None, "{path}");
        // The first request compresses the file, and the second gets the same bytes.
        for _ in 0..2 {
            let (compressed, encoding) = get(path, "gzip, br").await;
            assert_eq!(encoding.as_deref(), Some("gzip"), "{path}");
            assert!(compressed.len() < plain.len(), "{path}: {}", compressed.len());
            let mut decompressed = Vec::new();
            flate2::read::GzDecoder::new(&*compressed).read_to_end(&mut decompressed).unwrap();
            assert!(decompressed == plain, "{path}: the bodies differ");
        }
    }
    let (_, encoding) = get("/docs/favicon-32x32.png", "gzip").await;
    assert_eq!(encoding, None, "an image was compressed again");
}

#[tokio::test]
async fn the_page_title_is_logpulse_api() {
    for path in ["/docs/", "/docs/index.html"] {
        let page = String::from_utf8(get(path, "identity").await.0).unwrap();
        assert_eq!(page.matches("<title>").count(), 1, "{page}");
        assert!(page.contains("<title>LogPulse API</title>"), "{page}");
    }
}

#[tokio::test]
async fn a_request_for_an_unknown_file_returns_a_404_problem() {
    for path in ["/docs/missing.js", "/docs/../Cargo.toml", "/docs/%2e%2e/Cargo.toml"] {
        let response = client().get(path).send().await;
        response.assert_status(StatusCode::NOT_FOUND);
        response.assert_content_type("application/problem+json");
    }
}
