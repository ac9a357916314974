//! Docs: serves the OpenAPI document, and Swagger UI to read and try it.
//! It depends on no other service, and every URL is relative, so that it works behind any proxy.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::{Error, Response, endpoint::make_sync, handler, web::Path};
use shared::http::Function;
use utoipa_swagger_ui::Config;

/// The document, written by `make openapi`.
const DOCUMENT: &str = include_str!("../../../openapi/openapi.json");

/// The page may load only its own files.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Browsers may cache the document and the page for five minutes.
const CACHE_CONTROL: &str = "public, max-age=300";

/// The function `docs`, ready to be served.
#[must_use]
pub fn function() -> Function {
    Function::new("docs", ())
        .route("/openapi.json", make_sync(|_| document()))
        .route("/", make_sync(|_| redirect_to_page()))
        .route("/docs", make_sync(|_| redirect_to_page()))
        .route("/docs/*path", page)
}

fn document() -> Response {
    Response::builder()
        .content_type("application/json")
        .header(header::CACHE_CONTROL, CACHE_CONTROL)
        .body(DOCUMENT)
}

/// The links of the page are relative to `/docs/`, with the slash.
fn redirect_to_page() -> Response {
    Response::builder()
        .status(StatusCode::TEMPORARY_REDIRECT)
        .header(header::LOCATION, "docs/")
        .finish()
}

/// Serves a file of Swagger UI.
#[handler]
fn page(Path(path): Path<String>) -> poem::Result<Response> {
    // The base layout omits the top bar, which has inline styles and loads documents from any URL.
    let config = Config::from("../openapi.json")
        .use_base_layout()
        .deep_linking(true)
        .try_it_out_enabled(true)
        .validator_url("none");
    let file = utoipa_swagger_ui::serve(&path, Arc::new(config)).map_err(|error| {
        Error::from_string(error.to_string(), StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    let Some(file) = file else {
        return Err(StatusCode::NOT_FOUND.into());
    };
    Ok(Response::builder()
        .content_type(file.content_type)
        .header(header::CACHE_CONTROL, CACHE_CONTROL)
        .header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)
        .body(file.bytes.into_owned()))
}
