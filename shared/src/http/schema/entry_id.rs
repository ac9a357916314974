//! The schema of an [`EntryId`]: that of any UUID.

use std::borrow::Cow;

use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::{ToJSON, Type};
use serde_json::Value;
use uuid::Uuid;

use crate::log_entry::EntryId;

impl Type for EntryId {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        Uuid::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        Uuid::schema_ref()
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for EntryId {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}
