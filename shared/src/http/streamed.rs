//! A response that is streamed in one of several formats.

use std::marker::PhantomData;

use poem::http::{HeaderMap, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

/// The formats of a streamed response.
pub trait StreamFormat: Copy + Send + 'static {
    /// What is streamed, for the OpenAPI document.
    const DESCRIPTION: &'static str;

    /// The format if the client asks for none.
    const DEFAULT: Self;

    /// All formats, in the order of the document.
    const ALL: &'static [Self];

    /// The media type of the format.
    fn media_type(self) -> &'static str;

    /// The format that the client asks for first in `Accept`, or else the default.
    #[must_use]
    fn accepted(request: &HeaderMap) -> Self {
        let values = request.get_all(header::ACCEPT).iter();
        let types = values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
        let names = types.map(|range| range.split(';').next().unwrap_or_default().trim());
        let mut formats = names.filter_map(|name| {
            let is_named = |format: &&Self| format.media_type().eq_ignore_ascii_case(name);
            Self::ALL.iter().find(is_named)
        });
        formats.next().copied().unwrap_or(Self::DEFAULT)
    }
}

/// A streamed response, described as text in each format.
pub struct Streamed<F>(Response, PhantomData<F>);

impl<F> Streamed<F> {
    /// Wraps a response whose body is a stream.
    #[must_use]
    pub fn new(response: Response) -> Self {
        Self(response, PhantomData)
    }
}

impl<F: Send> IntoResponse for Streamed<F> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<F: StreamFormat> ApiResponse for Streamed<F> {
    fn meta() -> MetaResponses {
        let content = F::ALL.iter().map(|format| MetaMediaType {
            content_type: format.media_type(),
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        });
        let response = MetaResponse {
            description: F::DESCRIPTION,
            status: Some(StatusCode::OK.as_u16()),
            status_range: None,
            content: content.collect(),
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
