//! The streamed response, and how the OpenAPI document describes it.

use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

use crate::stream::Format;

/// A stream of events.
pub(crate) struct Streamed(pub(crate) Response);

impl IntoResponse for Streamed {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Streamed {
    fn meta() -> MetaResponses {
        let content = [Format::Sse, Format::Ndjson].map(|format| MetaMediaType {
            content_type: format.media_type(),
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        });
        let response = MetaResponse {
            description: "The entries as they arrive.",
            status: Some(StatusCode::OK.as_u16()),
            status_range: None,
            content: content.into(),
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
