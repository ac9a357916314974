//! Show what the service takes and answers: its OpenAPI document, and Swagger UI to read and try it.
//! Needs no port and nothing from the network; every URL is relative, so any proxy may be in front.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::{Error, Response, endpoint::make_sync, handler, web::Path};
use shared::http::Function;
use utoipa_swagger_ui::Config;

/// The document, as `make openapi` wrote it.
const DOCUMENT: &str = include_str!("../../../openapi/openapi.json");

/// What the page may load and do: only what comes with it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How long a browser may show the document or the page without asking again.
const CACHE: &str = "public, max-age=300";

/// The function.
#[must_use]
pub fn function() -> Function {
    Function::new("docs", ())
        .route("/openapi.json", make_sync(|_| document()))
        .route("/", make_sync(|_| to_the_page()))
        .route("/docs", make_sync(|_| to_the_page()))
        .route("/docs/*path", page)
}

fn document() -> Response {
    Response::builder()
        .content_type("application/json")
        .header(header::CACHE_CONTROL, CACHE)
        .body(DOCUMENT)
}

/// The page's own links are relative to `/docs/`.
fn to_the_page() -> Response {
    Response::builder()
        .status(StatusCode::TEMPORARY_REDIRECT)
        .header(header::LOCATION, "docs/")
        .finish()
}

/// A file of Swagger UI.
#[handler]
fn page(Path(path): Path<String>) -> poem::Result<Response> {
    // The bar that is left out has an inline style, and a field for documents from elsewhere.
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
        .header(header::CACHE_CONTROL, CACHE)
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .body(file.bytes.into_owned()))
}
