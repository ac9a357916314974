//! Swagger UI's files and the OpenAPI document, plain and compressed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use poem::http::{HeaderMap, StatusCode, header};
use poem::{Error, Response, Result};
use shared::http::accepts_encoding;
use utoipa_swagger_ui::Config;

/// The document, written by `make openapi`.
const DOCUMENT: &str = include_str!("../../../openapi/openapi.json");

/// The title of Swagger UI's page, which [`TITLE`] replaces.
const SWAGGER_UI_TITLE: &str = "<title>Swagger UI</title>";
const TITLE: &str = "<title>LogPulse API</title>";

/// The compressed files by name. Each file is compressed when a client first requests it.
static COMPRESSED: LazyLock<Mutex<HashMap<String, Bytes>>> = LazyLock::new(Mutex::default);

/// A file to serve.
pub(crate) struct File {
    name: String,
    content_type: String,
    bytes: Bytes,
}

impl File {
    /// The OpenAPI document.
    pub(crate) fn document() -> Self {
        let content_type = "application/json".to_owned();
        Self {
            name: "openapi.json".to_owned(),
            content_type,
            bytes: Bytes::from_static(DOCUMENT.as_bytes()),
        }
    }

    /// Returns the Swagger UI file at `path`, if it exists.
    ///
    /// # Errors
    /// When Swagger UI's configuration cannot be serialized.
    pub(crate) fn swagger_ui(path: &str) -> Result<Option<Self>> {
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
            Self { name: format!("docs/{path}"), content_type: file.content_type, bytes }
        }))
    }

    /// The response to a request with these headers, compressed if the client accepts gzip.
    pub(crate) fn response(self, request: &HeaderMap) -> Response {
        let response = Response::builder()
            .content_type(&self.content_type)
            .header(header::VARY, "Accept-Encoding");
        // Images are already compressed.
        if self.content_type.starts_with("image/") || !accepts_encoding(request, "gzip") {
            return response.body(self.bytes);
        }
        response.header(header::CONTENT_ENCODING, "gzip").body(self.compressed())
    }

    fn compressed(self) -> Bytes {
        // Concurrent first requests for a file wait here instead of compressing it twice.
        let mut compressed = COMPRESSED.lock().unwrap_or_else(PoisonError::into_inner);
        compressed.entry(self.name).or_insert_with(|| gzip(&self.bytes).into()).clone()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
