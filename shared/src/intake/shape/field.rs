//! A field of a record: a name and a value.

use std::borrow::Cow;

use super::value::Value;
use crate::json::{Text, push_string};

/// A named value: a string, or any JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name.
    pub name: Cow<'a, str>,
    content: Content<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content<'a> {
    Json(Cow<'a, str>),
    Text(Cow<'a, str>),
}

impl<'a> Field<'a> {
    /// A field with a string value.
    pub fn text(name: impl Into<Cow<'a, str>>, text: impl Into<Cow<'a, str>>) -> Self {
        Self { name: name.into(), content: Content::Text(text.into()) }
    }

    /// A field with the given JSON as its value. The JSON must be valid.
    pub fn json(name: impl Into<Cow<'a, str>>, json: impl Into<Cow<'a, str>>) -> Self {
        Self { name: name.into(), content: Content::Json(json.into()) }
    }

    /// A field with the same value, and this name.
    #[must_use]
    pub fn renamed<'b>(&'b self, name: impl Into<Cow<'b, str>>) -> Field<'b> {
        match self.value() {
            Value::Json(json) => Field::json(name, json),
            Value::Text(text) => Field::text(name, text),
        }
    }

    /// The JSON of a value that is not a string.
    #[must_use]
    pub fn as_json(&self) -> Option<&str> {
        match self.value() {
            Value::Json(json) if !json.starts_with('"') => Some(json),
            _ => None,
        }
    }

    /// The text of a string, or the JSON of any other value.
    #[must_use]
    pub fn as_text(&self) -> Cow<'_, str> {
        match self.value() {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Json(json) => match serde_json::from_str(json) {
                Ok(Text(text)) => text,
                Err(_) => Cow::Borrowed(json),
            },
        }
    }

    /// The approximate size of the field.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let (Content::Json(value) | Content::Text(value)) = &self.content;
        self.name.len() + value.len()
    }

    pub(super) fn value(&self) -> Value<'_> {
        match &self.content {
            Content::Json(json) => Value::Json(json),
            Content::Text(text) => Value::Text(text),
        }
    }

    /// The value, if it borrows from the JSON that the record was read from.
    pub(super) fn borrowed(&self) -> Option<Value<'a>> {
        match self.content {
            Content::Json(Cow::Borrowed(json)) => Some(Value::Json(json)),
            Content::Text(Cow::Borrowed(text)) => Some(Value::Text(text)),
            Content::Json(Cow::Owned(_)) | Content::Text(Cow::Owned(_)) => None,
        }
    }

    /// Adds the field to a JSON object that is not closed yet.
    pub(super) fn write(&self, object: &mut String) {
        if object.len() > 1 {
            object.push(',');
        }
        push_string(&self.name, object);
        object.push(':');
        self.value().write(object);
    }
}
