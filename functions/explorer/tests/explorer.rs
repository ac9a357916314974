//! Calls the function without a network. It serves a page and the files that the page refers to.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use poem::http::{Method, StatusCode};
use poem::test::{TestClient, TestResponse};
use poem::{Endpoint, Response};
use shared::config::HttpConfig;
use tokio_util::sync::CancellationToken;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/page");

/// The sum of all files, compressed, that a browser loads.
const MAX_COMPRESSED_BYTES: usize = 90_000;

fn client() -> TestClient<impl Endpoint<Output = Response>> {
    let functions = vec![explorer::function()];
    let shutdown = CancellationToken::new();
    let endpoint = shared::http::endpoint(functions, &HttpConfig::default(), None, &shutdown);
    TestClient::new(endpoint.unwrap())
}

/// Requests a file without compression.
async fn get(path: &str) -> TestResponse {
    client().get(path).send().await
}

async fn text(response: TestResponse) -> String {
    response.0.into_body().into_string().await.unwrap()
}

/// The path of the files, for example `/explorer/0a1b2c`, which the page contains.
async fn files_path() -> String {
    let page = text(get("/").await).await;
    let (_, after) = page.split_once("=\"explorer/").unwrap();
    let (hash, _) = after.split_once('/').unwrap();
    format!("/explorer/{hash}")
}

/// The paths of all files that are served, except the page itself.
fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![PathBuf::from(FOLDER)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                paths.push(path.strip_prefix(FOLDER).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    paths.retain(|path| {
        let is_joined = path.starts_with("styles/");
        path != "index.html" && !path.ends_with(".d.ts") && !is_joined
    });
    paths.push("styles.css".to_owned());
    paths.sort_unstable();
    paths
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

#[tokio::test]
async fn the_page_is_revalidated_and_may_load_only_its_own_files() {
    let response = get("/?q=level:error").await;
    response.assert_status_is_ok();
    response.assert_content_type("text/html; charset=utf-8");
    response.assert_header("cache-control", "no-cache");
    response.assert_header("vary", "Accept, Accept-Encoding");
    response.assert_header(
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    );
    let page = text(response).await;
    for forbidden in ["http://", "https://", "<style", " style=", "<script>", "=\"/", "<base"] {
        assert!(!page.contains(forbidden), "{forbidden}: {page}");
    }
}

#[tokio::test]
async fn an_unchanged_page_gets_304() {
    let response = get("/").await;
    let etag = response.0.header("etag").unwrap().to_owned();
    let response = client().get("/").header("if-none-match", &etag).send().await;
    response.assert_status(StatusCode::NOT_MODIFIED);
    response.assert_header("etag", &etag);
    response.assert_header("cache-control", "no-cache");
    response.assert_text("").await;
    let response = client().get("/").header("if-none-match", "W/\"other\"").send().await;
    response.assert_status_is_ok();
}

#[tokio::test]
async fn every_reference_of_the_page_is_a_file() {
    let page = text(get("/").await).await;
    let references: Vec<&str> =
        page.split("=\"").skip(1).filter_map(|text| text.split('"').next()).collect();
    let references = references.into_iter().filter(|value| value.starts_with("explorer/"));
    let references: Vec<&str> = references.collect();
    assert!(references.iter().any(|path| extension(path) == "js"), "{references:?}");
    for path in references {
        get(&format!("/{path}")).await.assert_status_is_ok();
    }
}

#[tokio::test]
async fn the_page_preloads_every_module() {
    let page = text(get("/").await).await;
    let base = files_path().await;
    for path in paths().iter().filter(|path| extension(path) == "js") {
        let url = format!("{}/{path}", &base[1..]);
        let is_preloaded = page.contains(&format!("<link rel=\"modulepreload\" href=\"{url}\">"));
        assert!(is_preloaded || page.contains(&format!("<script src=\"{url}\"")), "{path}");
    }
}

#[tokio::test]
async fn every_file_may_be_cached_for_a_year_and_libraries_are_served_unchanged() {
    let base = files_path().await;
    for path in paths() {
        let response = get(&format!("{base}/{path}")).await;
        assert!(
            response.0.status().is_success(),
            "{path} is not embedded: cargo does not notice new files, so touch src/files.rs"
        );
        let expected = match extension(&path) {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "json" => "application/json",
            "svg" => "image/svg+xml",
            "txt" => "text/plain; charset=utf-8",
            _ => panic!("{path}: add its content type here"),
        };
        response.assert_content_type(expected);
        response.assert_header("cache-control", "public, max-age=31536000, immutable");
        response.assert_header("vary", "Accept-Encoding");
        let body = text(response).await;
        if path == "styles.css" {
            continue;
        }
        let source = fs::read_to_string(format!("{FOLDER}/{path}")).unwrap();
        if path.starts_with("vendor/") {
            assert!(body == source, "{path} differs");
        }
        // `served.test.mjs` compares what the other scripts mean.
        assert_eq!(body.is_empty(), source.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_styles_are_one_file_in_the_order_of_the_page() {
    let page = fs::read_to_string(format!("{FOLDER}/index.html")).unwrap();
    let links = page.split("<link rel=\"stylesheet\" href=\"explorer/").skip(1);
    let sheets: Vec<&str> = links.filter_map(|text| text.split('"').next()).collect();
    assert_eq!(sheets.len(), fs::read_dir(format!("{FOLDER}/styles")).unwrap().count());
    let styles = text(get(&format!("{}/styles.css", files_path().await)).await).await;
    let mut rest = styles.as_str();
    for sheet in sheets {
        let source = fs::read_to_string(format!("{FOLDER}/{sheet}")).unwrap();
        for line in source.lines().filter(|line| line.ends_with(" {")) {
            let rule = line.trim_start().replace(" {", "{").replace(": ", ":").replace(", ", ",");
            let (_, after) = rest.split_once(&rule).unwrap_or_else(|| panic!("{sheet}: {line}"));
            rest = after;
        }
    }
}

#[tokio::test]
async fn the_page_and_its_files_are_small_when_compressed() {
    let base = files_path().await;
    let mut total = 0;
    let files = paths().into_iter().filter(|path| ["js", "css", "svg"].contains(&extension(path)));
    for path in files.map(|path| format!("{base}/{path}")).chain(["/".to_owned()]) {
        let response = client().get(&path).header("accept-encoding", "gzip").send().await;
        response.assert_header("content-encoding", "gzip");
        let compressed = response.0.into_body().into_vec().await.unwrap();
        let mut decompressed = Vec::new();
        flate2::read::GzDecoder::new(&*compressed).read_to_end(&mut decompressed).unwrap();
        let plain = get(&path).await.0.into_body().into_vec().await.unwrap();
        assert!(decompressed == plain, "{path}: the bodies differ");
        total += compressed.len();
    }
    assert!(total <= MAX_COMPRESSED_BYTES, "{total} bytes");
}

#[tokio::test]
async fn a_wrong_hash_or_path_gets_404() {
    let base = files_path().await;
    for path in [
        "/explorer/0000000000000000/vendor/preact.js".to_owned(),
        format!("{base}/missing.js"),
        format!("{base}/index.html"),
        format!("{base}/vendor"),
        format!("{base}/vendor/preact.d.ts"),
        format!("{base}/../Cargo.toml"),
        "/explorer/vendor/preact.js".to_owned(),
        "/explorer".to_owned(),
    ] {
        let response = get(&path).await;
        response.assert_status(StatusCode::NOT_FOUND);
        response.assert_content_type("application/problem+json");
    }
}

#[tokio::test]
async fn head_returns_the_headers_only() {
    for path in ["/".to_owned(), files_path().await + "/vendor/preact.js"] {
        let client = client();
        let head = client.request(Method::HEAD, &path).send().await;
        head.assert_status_is_ok();
        let get = client.get(&path).send().await;
        assert_eq!(head.0.header("cache-control"), get.0.header("cache-control"));
        assert_eq!(head.0.header("content-type"), get.0.header("content-type"));
        head.assert_text("").await;
    }
}
