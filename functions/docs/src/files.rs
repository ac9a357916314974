//! Swagger UI's files and the OpenAPI document.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use poem::http::StatusCode;
use poem::{Error, Result};
use shared::http::StaticFile;
use utoipa_swagger_ui::Config;

/// The document, written by `make openapi`.
const DOCUMENT: &str = include_str!("../../../openapi/openapi.json");

/// The title of Swagger UI's page, which [`TITLE`] replaces.
const SWAGGER_UI_TITLE: &str = "<title>Swagger UI</title>";
const TITLE: &str = "<title>LogPulse API</title>";

static OPENAPI_JSON: LazyLock<StaticFile> =
    LazyLock::new(|| StaticFile::new("application/json", DOCUMENT));

/// Swagger UI's files by path, as far as clients have requested them.
static SWAGGER_UI: LazyLock<Mutex<HashMap<String, Arc<StaticFile>>>> =
    LazyLock::new(Mutex::default);

/// The OpenAPI document.
pub(crate) fn document() -> &'static StaticFile {
    &OPENAPI_JSON
}

/// Returns the Swagger UI file at `path`, if it exists.
///
/// # Errors
/// When Swagger UI's configuration cannot be serialized.
pub(crate) fn swagger_ui(path: &str) -> Result<Option<Arc<StaticFile>>> {
    let mut files = SWAGGER_UI.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = files.get(path) {
        return Ok(Some(file.clone()));
    }
    let Some(file) = open(path)?.map(Arc::new) else { return Ok(None) };
    files.insert(path.to_owned(), file.clone());
    Ok(Some(file))
}

fn open(path: &str) -> Result<Option<StaticFile>> {
    // The base layout omits the top bar, which has inline styles and can load documents from
    // any URL.
    let config = Config::from("../openapi.json")
        .use_base_layout()
        .deep_linking(true)
        .try_it_out_enabled(true)
        .validator_url("none");
    let file = utoipa_swagger_ui::serve(path, Arc::new(config)).map_err(|error| {
        Error::from_string(error.to_string(), StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    Ok(file.map(|file| {
        let bytes = match file.bytes {
            page if file.content_type == "text/html" => {
                String::from_utf8_lossy(&page).replace(SWAGGER_UI_TITLE, TITLE).into()
            }
            Cow::Borrowed(embedded) => Bytes::from_static(embedded),
            Cow::Owned(generated) => generated.into(),
        };
        StaticFile::new(file.content_type, bytes)
    }))
}
