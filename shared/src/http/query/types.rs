//! The types of query parameters: how they are parsed, and their schemas.

use poem_openapi::registry::MetaSchema;
use serde_json::Value;

use crate::log_entry::{BoundedString, Level, Timestamp, UnknownFields};
use crate::query::{TIME_PATTERN, TimeExpression};
use crate::search::{Cursor, Sort};

/// The type of a query parameter.
pub trait ParameterType: Sized {
    /// The schema of the values that [`Self::parse`] accepts. If it has a title, generated clients
    /// have a type with that name.
    fn schema() -> MetaSchema;

    /// Parses a value.
    ///
    /// # Errors
    /// The valid values.
    fn parse(text: String) -> Result<Self, String>;
}

impl ParameterType for bool {
    fn schema() -> MetaSchema {
        MetaSchema::new("boolean")
    }

    fn parse(text: String) -> Result<Self, String> {
        text.parse().map_err(|_| "must be true or false".to_owned())
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy)]
pub struct WholeNumber<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> From<WholeNumber<MIN, MAX>> for Value {
    fn from(number: WholeNumber<MIN, MAX>) -> Self {
        number.0.into()
    }
}

impl<const MIN: u32, const MAX: u32> ParameterType for WholeNumber<MIN, MAX> {
    fn schema() -> MetaSchema {
        MetaSchema {
            minimum: Some(MIN.into()),
            maximum: Some(MAX.into()),
            ..MetaSchema::new_with_format("integer", "int32")
        }
    }

    fn parse(text: String) -> Result<Self, String> {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
        let number = number.filter(|_| is_digits);
        number.map(Self).ok_or_else(|| format!("must be a whole number from {MIN} to {MAX}"))
    }
}

impl<const MAX: usize> ParameterType for BoundedString<MAX> {
    fn schema() -> MetaSchema {
        MetaSchema { min_length: Some(1), max_length: Some(MAX), ..MetaSchema::new("string") }
    }

    fn parse(text: String) -> Result<Self, String> {
        text.try_into()
    }
}

impl ParameterType for Level {
    fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            pattern: Some(r"\S".to_owned()),
            ..MetaSchema::new("string")
        }
    }

    /// Rejects an empty level, which would mean `INFO` in an entry.
    fn parse(text: String) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("must not be empty".to_owned());
        }
        Ok(Self::parse(&text))
    }
}

/// The schema of a parameter with these values. Generated clients have a type with this title.
pub fn choices<T: Into<Value>>(title: &str, values: impl IntoIterator<Item = T>) -> MetaSchema {
    MetaSchema {
        title: Some(title.to_owned()),
        enum_items: values.into_iter().map(Into::into).collect(),
        ..MetaSchema::new("string")
    }
}

/// Finds the value with this name.
///
/// # Errors
/// The names of all values.
pub fn choose<T: Copy>(text: &str, values: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let found = values.iter().copied().find(|value| name(*value) == text);
    found.ok_or_else(|| {
        let mut names: Vec<&str> = values.iter().map(|value| name(*value)).collect();
        let last = names.pop().unwrap_or_default();
        format!("must be {} or {last}", names.join(", "))
    })
}

impl ParameterType for TimeExpression {
    fn schema() -> MetaSchema {
        MetaSchema { pattern: Some(TIME_PATTERN.to_owned()), ..MetaSchema::new("string") }
    }

    fn parse(text: String) -> Result<Self, String> {
        Ok(Self::parse(&text, Timestamp::now())?)
    }
}

impl ParameterType for Sort {
    fn schema() -> MetaSchema {
        choices("Sort", Self::ALL)
    }

    fn parse(text: String) -> Result<Self, String> {
        Ok(text.parse()?)
    }
}

impl From<Sort> for Value {
    fn from(sort: Sort) -> Self {
        sort.as_str().into()
    }
}

impl ParameterType for UnknownFields {
    fn schema() -> MetaSchema {
        choices("UnknownFields", Self::ALL)
    }

    fn parse(text: String) -> Result<Self, String> {
        choose(&text, &Self::ALL, Self::as_str)
    }
}

impl From<UnknownFields> for Value {
    fn from(choice: UnknownFields) -> Self {
        choice.as_str().into()
    }
}

impl ParameterType for Cursor {
    fn schema() -> MetaSchema {
        MetaSchema { pattern: Some(Self::PATTERN.to_owned()), ..MetaSchema::new("string") }
    }

    fn parse(text: String) -> Result<Self, String> {
        Ok(text.parse()?)
    }
}
