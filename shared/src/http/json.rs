//! JSON answers, written by serde straight into the body.
//! poem-openapi's own `Json` goes through a tree of values first.

use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, types::Type};
use serde::Serialize;

/// An answer in JSON.
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
                // A terminal shows its prompt on a line of its own.
                body.push(b'\n');
                Response::builder().content_type("application/json").body(body)
            }
            Err(error) => {
                tracing::error!(%error, "an answer has no JSON form");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// As the whole answer of an operation it is a 200.
impl<T: Type> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        let content =
            MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() };
        let answer = MetaResponse {
            description: "",
            status: Some(StatusCode::OK.as_u16()),
            status_range: None,
            content: vec![content],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![answer] }
    }

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }
}
