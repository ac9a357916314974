//! The schema of a [`FieldError`], which problems list.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::{Value, json};

use super::{field, impl_type, string};
use crate::log_entry::FieldError;

impl_type!(
    FieldError,
    "FieldError",
    MetaSchema {
        title: Some("FieldError".to_owned()),
        description: Some("An invalid field, query parameter or line."),
        example: Some(json!({"field": "message", "detail": "is required"})),
        required: vec!["field", "detail"],
        properties: vec![
            field("field", string("Its name, or `line` followed by a number.")),
            field("detail", string("What is wrong with it, and what to send instead.")),
            field("position", position()),
        ],
        ..MetaSchema::new("object")
    }
);

fn position() -> MetaSchema {
    MetaSchema {
        description: Some("The position of the mistake in the value, in characters from 0."),
        example: Some(json!(6)),
        minimum: Some(0.0),
        ..MetaSchema::new_with_format("integer", "int32")
    }
}

impl ToJSON for FieldError {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

impl ParseFromJSON for FieldError {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}
