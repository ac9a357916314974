//! Explorer: serves the web page for exploring logs.
//! The function depends on no other service: the page calls the API of the other functions. It
//! works behind any proxy, because every URL is relative.

mod files;
mod minify;

use std::sync::LazyLock;

use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::web::Path;
use poem::web::headers::{HeaderMapExt, IfNoneMatch};
use poem::{Request, Response, endpoint::make_sync, handler};
use shared::http::Function;

use files::Files;

/// The page may load files and call the API only on its own origin, except images in `data:` URLs.
/// Trusted Types prevent its scripts from parsing text as HTML.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'",
);

/// Browsers ask each time whether the page has changed, because it names the current files.
const PAGE_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("no-cache");

/// A file never changes, because its path contains the hash of all files.
const FILE_CACHE_CONTROL: HeaderValue =
    HeaderValue::from_static("public, max-age=31536000, immutable");

static FILES: LazyLock<Files> = LazyLock::new(Files::embedded);

/// The `explorer` function, ready to serve.
#[must_use]
pub fn function() -> Function {
    Function::without_api("explorer")
        .without_rate_limit()
        .route("/", make_sync(|request: Request| page(request.headers())))
        // Only hashes, because clients of Elasticsearch may name an index `explorer`.
        .route("/explorer/:hash<[0-9a-f]+>/*path", file)
}

fn page(request: &HeaderMap) -> Response {
    let known = request.typed_get::<IfNoneMatch>();
    let is_unchanged = known
        .zip(FILES.page_etag.as_ref())
        .is_some_and(|(known, etag)| !known.precondition_passes(etag));
    let mut response = if is_unchanged {
        Response::builder().status(StatusCode::NOT_MODIFIED).finish()
    } else {
        FILES.page.response(request)
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, PAGE_CACHE_CONTROL);
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    if let Some(etag) = &FILES.page_etag {
        headers.typed_insert(etag.clone());
    }
    // Clients of Elasticsearch get another response from the same path.
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    response
}

#[handler]
fn file(Path((hash, path)): Path<(String, String)>, request: &HeaderMap) -> poem::Result<Response> {
    let Some(file) = FILES.get(&hash, &path) else {
        return Err(StatusCode::NOT_FOUND.into());
    };
    let mut response = file.response(request);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, FILE_CACHE_CONTROL);
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    Ok(response)
}
