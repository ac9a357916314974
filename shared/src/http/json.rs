//! JSON responses that serde writes directly into the body.
//! Poem-openapi's own `Json` first builds a tree of values.

use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, types::Type};
use serde::Serialize;

use super::problem::internal_error;

/// A JSON response.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(mut body) => {
                // The line break puts the terminal prompt on a new line.
                body.push(b'\n');
                Response::builder().content_type("application/json").body(body)
            }
            Err(error) => internal_error().caused_by(error).into_response(),
        }
    }
}

/// The status is 200 if this is an operation's only response.
impl<T: Type> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        let content =
            MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() };
        let response = MetaResponse {
            description: "",
            status: Some(StatusCode::OK.as_u16()),
            status_range: None,
            content: vec![content],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }
}
