//! Strings of bounded length, such as names and trace ids.
//! The OpenAPI document and the error message state the same bounds.

use serde::{Deserialize, Serialize};

/// A string of 1 to `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct BoundedString<const MAX: usize>(pub(super) String);

impl<const MAX: usize> BoundedString<MAX> {
    /// The first `MAX` characters of `text`; `None` if it is empty.
    #[must_use]
    pub fn truncated(text: &str) -> Option<Self> {
        let end = text.char_indices().nth(MAX).map_or(text.len(), |(end, _)| end);
        Self::try_from(text[..end].to_owned()).ok()
    }

    /// The string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for BoundedString<MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // Counting characters is rarely necessary: most strings have fewer bytes than MAX.
        if text.is_empty() || (text.len() > MAX && text.chars().nth(MAX).is_some()) {
            return Err(format!("must have 1 to {MAX} characters"));
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BoundedString<3>, String> {
        BoundedString::try_from(text.to_owned())
    }

    #[test]
    fn an_empty_string_is_rejected() {
        assert_eq!(parse("").unwrap_err(), "must have 1 to 3 characters");
    }

    #[test]
    fn a_long_text_is_truncated_to_the_bound() {
        let truncated = |text| BoundedString::<3>::truncated(text).map(|text| text.0);
        assert_eq!(truncated("äöüx").as_deref(), Some("äöü"));
        assert_eq!(truncated("äöü").as_deref(), Some("äöü"));
        assert_eq!(truncated(""), None);
    }

    #[test]
    fn the_bound_counts_characters_rather_than_bytes() {
        assert!(parse("äöü").is_ok());
        assert!(parse("äöüx").is_err());
    }
}
