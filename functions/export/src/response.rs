//! The streamed response, and how the OpenAPI document describes it.

use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

use crate::format::Format;

/// A stream of entries.
pub(crate) struct Exported(pub(crate) Response);

impl IntoResponse for Exported {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Exported {
    fn meta() -> MetaResponses {
        let content = Format::ALL.map(|format| MetaMediaType {
            content_type: format.media_type(),
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        });
        let response = MetaResponse {
            description: "The entries.",
            status: Some(StatusCode::OK.as_u16()),
            status_range: None,
            content: content.into(),
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
