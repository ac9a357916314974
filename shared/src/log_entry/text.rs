//! A short text that a field holds: never empty, bounded.
//! The bounds are told in the OpenAPI document and in the refusal.

use serde::{Deserialize, Serialize};

/// A text of 1 to `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // Most texts are shorter in bytes than the limit in characters.
        if text.is_empty() || (text.len() > MAX && text.chars().nth(MAX).is_some()) {
            return Err(format!("must have 1 to {MAX} characters"));
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Text<3>, String> {
        Text::try_from(text.to_owned())
    }

    #[test]
    fn an_empty_text_is_refused() {
        assert_eq!(parse("").unwrap_err(), "must have 1 to 3 characters");
    }

    #[test]
    fn characters_count_not_bytes() {
        assert!(parse("äöü").is_ok());
        assert!(parse("äöüx").is_err());
    }
}
