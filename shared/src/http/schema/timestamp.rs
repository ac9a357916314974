//! The schema of a [`Timestamp`].

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;

use super::impl_type;
use crate::log_entry::Timestamp;

impl_type!(inline Timestamp, "Timestamp", MetaSchema {
    example: Some("2024-06-14T12:00:00.000000Z".into()),
    ..MetaSchema::new_with_format("string", "date-time")
});

impl ToJSON for Timestamp {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

impl ParseFromJSON for Timestamp {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}
