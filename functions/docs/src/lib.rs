//! Docs: serves the OpenAPI document, and Swagger UI for reading it and trying out the API.
//! The function depends on no other service. It works behind any proxy, because every URL is
//! relative.

mod files;

use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Request, Response, endpoint::make_sync, handler, web::Path};
use shared::http::Function;

/// The page may load files only from its own origin, except images in `data:` URLs.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Browsers may cache the document and the page for five minutes.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The `docs` function, ready to serve.
#[must_use]
pub fn function() -> Function {
    Function::new("docs", ())
        .route("/openapi.json", make_sync(|request: Request| document(request.headers())))
        .route("/docs", make_sync(|_| redirect_to_page()))
        .route("/docs/*path", page)
}

fn document(request: &HeaderMap) -> Response {
    cacheable(files::document().response(request))
}

fn cacheable(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE_CONTROL);
    response
}

/// Adds the trailing slash, because the page's links are relative to `/docs/`.
fn redirect_to_page() -> Response {
    Response::builder()
        .status(StatusCode::TEMPORARY_REDIRECT)
        .header(header::LOCATION, "docs/")
        .finish()
}

/// Serves a file of Swagger UI.
#[handler]
fn page(Path(path): Path<String>, request: &HeaderMap) -> poem::Result<Response> {
    let Some(file) = files::swagger_ui(&path)? else {
        return Err(StatusCode::NOT_FOUND.into());
    };
    let mut response = cacheable(file.response(request));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    Ok(response)
}
