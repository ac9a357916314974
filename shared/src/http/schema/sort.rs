//! The schema of the parameter [`Sort`].

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult, ToJSON};
use serde_json::Value;

use super::impl_type;
use crate::search::Sort;

impl_type!(
    Sort,
    "Sort",
    MetaSchema {
        description: Some("The order of hits."),
        enum_items: Sort::ALL.iter().map(|sort| Value::from(sort.as_str())).collect(),
        ..MetaSchema::new("string")
    }
);

impl ToJSON for Sort {
    fn to_json(&self) -> Option<Value> {
        Some(Value::from(self.as_str()))
    }
}

impl ParseFromParameter for Sort {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map_err(ParseError::<Self>::custom)
    }
}
