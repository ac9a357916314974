//! Tests for the web page that explores logs.

use std::collections::BTreeSet;
use std::io::Read;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::{Api, TIMEOUT, unique};

/// What a browser accepts when a user opens a page.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The sum of all files, compressed, that a browser loads.
const MAX_COMPRESSED_BYTES: usize = 90_000;

/// Requests a file as a browser does, without decompressing the response.
async fn get(api: &Api, path: &str, headers: &[(&str, &str)]) -> Response {
    let http = Client::builder().timeout(TIMEOUT).no_gzip().build().unwrap();
    let mut request = http.get(api.url(path)).header("accept", BROWSER);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request).await.unwrap()
}

fn header(response: &Response, name: &str) -> String {
    let values = response.headers().get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect::<Vec<&str>>().join(", ")
}

pub async fn browsers_get_the_explorer_and_cache_its_files(api: &Api) {
    let response = get(api, "/", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(header(&response, "content-type").starts_with("text/html"));
    assert_eq!(header(&response, "cache-control"), "no-cache");
    assert!(header(&response, "vary").contains("Accept-Encoding"), "{response:?}");
    let policy = header(&response, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(policy.ends_with("require-trusted-types-for 'script'; trusted-types 'none'"));
    let etag = header(&response, "etag");
    let html = response.text().await.unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    let unchanged = get(api, "/", &[("if-none-match", &etag)]).await;
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);

    let mut size = compressed_text(api, "/").await.1;
    let mut files = references(&html);
    assert!(files.iter().any(|file| is_module(file)), "{html}");
    let mut loaded = BTreeSet::new();
    while let Some(file) = files.pop_first() {
        let response = get(api, &file, &[]).await;
        assert_eq!(response.status(), StatusCode::OK, "{file}");
        assert_eq!(header(&response, "cache-control"), "public, max-age=31536000, immutable");
        let (text, compressed) = compressed_text(api, &file).await;
        size += compressed;
        loaded.insert(file.clone());
        files.extend(imports(&file, &text).into_iter().filter(|file| !loaded.contains(file)));
    }
    assert!(size <= MAX_COMPRESSED_BYTES, "{size} bytes in {loaded:?}");

    let file = loaded.first().unwrap();
    let other_version = file.replacen(file.split('/').nth(2).unwrap(), "0000000000000000", 1);
    for missing in [format!("{file}.missing"), other_version] {
        let response = get(api, &missing, &[]).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{missing}");
        assert_eq!(header(&response, "content-type"), "application/problem+json");
    }
}

/// Requests a file with gzip, and returns its text and its compressed size.
async fn compressed_text(api: &Api, path: &str) -> (String, usize) {
    let response = get(api, path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(header(&response, "content-encoding"), "gzip", "{path}");
    let compressed = response.bytes().await.unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*compressed).read_to_string(&mut text).unwrap();
    (text, compressed.len())
}

/// The paths of the files that the page refers to.
fn references(html: &str) -> BTreeSet<String> {
    let values = html.split("=\"").skip(1).filter_map(|text| text.split('"').next());
    values.filter(|value| value.starts_with("explorer/")).map(|path| format!("/{path}")).collect()
}

fn is_module(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extension == "js")
}

/// The paths of the files that a module imports.
fn imports(module: &str, text: &str) -> BTreeSet<String> {
    if !is_module(module) {
        return BTreeSet::new();
    }
    let base = reqwest::Url::parse("http://host").unwrap().join(module).unwrap();
    let quoted = text.split(['"', '\'']).filter(|quoted| {
        (quoted.starts_with("./") || quoted.starts_with("../")) && is_module(quoted)
    });
    quoted.map(|path| base.join(path).unwrap().path().to_owned()).collect()
}

pub async fn an_index_of_elasticsearch_may_be_called_explorer(api: &Api) {
    let service = unique("explorer");
    let document = json!({"service": service, "message": "saved"}).to_string();
    let lines = format!("{{\"create\":{{}}}}\n{document}\n");
    let url = api.url_of("bulk", "/explorer/_bulk");
    let request = api.http.post(url).header("content-type", "application/x-ndjson").body(lines);
    let response: Value = api.send(request).await.unwrap().json().await.unwrap();
    assert_eq!(response["errors"], false, "{response}");
    let url = api.url_of("bulk", "/explorer/_doc");
    let request = api.http.post(url).header("content-type", "application/json").body(document);
    assert_eq!(api.send(request).await.unwrap().status(), StatusCode::CREATED);
    api.search_until(&[("service_name", &service)], 2).await;
}
