//! The schema of an [`EntryId`], and an id in a path.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON};
use serde_json::Value;

use super::impl_type;
use crate::log_entry::EntryId;

/// A `UUIDv7` with hyphens.
const PATTERN: &str =
    "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$";

/// An id as the last segment of a path, e.g. `/logs/{id}`. `None` means that the text is not a
/// valid id, so no entry can match it.
#[derive(Debug, Clone, Copy)]
pub struct PathId(pub Option<EntryId>);

/// The schema of an id, without a description.
pub(super) fn schema() -> MetaSchema {
    MetaSchema {
        pattern: Some(PATTERN.to_owned()),
        example: Some("0190163d-8694-739b-aea5-966c26f8ad91".into()),
        ..MetaSchema::new_with_format("string", "uuid")
    }
}

impl ParseFromParameter for PathId {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(Self(text.parse().ok()))
    }

    /// Poem passes no text if the segment is not UTF-8.
    fn parse_from_parameters<I, A>(texts: I) -> ParseResult<Self>
    where
        I: IntoIterator<Item = A>,
        A: AsRef<str>,
    {
        let text = texts.into_iter().next();
        Ok(Self(text.and_then(|text| text.as_ref().parse().ok())))
    }
}

impl_type!(inline EntryId, "UUIDv7", schema());
impl_type!(inline PathId, "UUIDv7", schema());

impl ToJSON for EntryId {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

impl ParseFromJSON for EntryId {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
    }
}
