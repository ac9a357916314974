//! The origins of web pages that may call the API.

use std::str::FromStr;

use url::{Origin, Url};

/// The origins of web pages that may call the API from a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every origin.
    Any,
    /// These origins, as browsers write them: `https://app.example.com`.
    Listed(Vec<String>),
}

impl AllowedOrigins {
    /// Whether no origin is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Listed(origins) if origins.is_empty())
    }

    /// Whether the origin is allowed.
    #[must_use]
    pub fn contains(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(origins) => origins.iter().any(|allowed| allowed == origin),
        }
    }
}

impl Default for AllowedOrigins {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl FromStr for AllowedOrigins {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let origins: Option<Vec<String>> = parts.map(origin).collect();
        origins
            .map(Self::Listed)
            .ok_or("must be * or origins such as https://app.example.com, separated by commas")
    }
}

/// Returns the origin if it is in the form that browsers send.
fn origin(text: &str) -> Option<String> {
    // The parser accepts more, such as `https://*.example.com`, which browsers never send.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:/[]".contains(c);
    if !text.chars().all(is_plain) {
        return None;
    }
    let origin = Url::parse(text).ok()?.origin();
    let is_tuple = matches!(origin, Origin::Tuple(..));
    (is_tuple && origin.ascii_serialization() == text).then(|| text.to_owned())
}
