//! The severity of an entry: six standard names, or any other name a logger uses.
//! An unknown level is kept, so that no entry is rejected because of it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

/// A severity: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR`, `FATAL`, or another name in upper case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Level(Cow<'static, str>);

impl Level {
    /// The maximum length in characters; longer names are truncated.
    pub const MAX_CHARS: usize = 32;

    /// Maps a logger's name for a level to a standard name where there is one. An empty name means
    /// the default, `INFO`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Some(name) = canonical(text) {
            return Self(Cow::Borrowed(name));
        }
        let uppercase = text.chars().flat_map(char::to_uppercase);
        let uppercase: String = uppercase.take(Self::MAX_CHARS).collect();
        // Parsing must be idempotent, but the result may be a synonym (`ı`) or end in a space.
        let uppercase = uppercase.trim_end();
        let name = canonical(uppercase).map(Cow::Borrowed);
        Self(name.unwrap_or_else(|| Cow::Owned(uppercase.to_owned())))
    }

    /// The standard levels, from the least to the most severe.
    #[must_use]
    pub fn standard() -> impl ExactSizeIterator<Item = Self> {
        let names = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
        names.into_iter().map(|name| Self(Cow::Borrowed(name)))
    }

    /// The position among the standard levels, by severity; `None` for other levels.
    #[must_use]
    pub fn severity(&self) -> Option<usize> {
        Self::standard().position(|level| level == *self)
    }

    /// The name in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Level {
    fn default() -> Self {
        Self(Cow::Borrowed("INFO"))
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&Cow::<str>::deserialize(deserializer)?))
    }
}

/// The standard name for a synonym of syslog (RFC 5424), Android, `java.util.logging` or another
/// common logger.
fn canonical(text: &str) -> Option<&'static str> {
    const NAMES: [(&str, &[&str]); 6] = [
        ("INFO", &["", "info", "i", "information", "informational", "notice"]),
        ("ERROR", &["error", "err", "e", "severe"]),
        ("WARN", &["warn", "warning", "w"]),
        ("DEBUG", &["debug", "d", "dbg", "fine"]),
        ("TRACE", &["trace", "t", "v", "verbose", "finest"]),
        ("FATAL", &["fatal", "f", "crit", "critical", "alert", "emerg", "emergency", "panic"]),
    ];
    NAMES
        .iter()
        .find(|(_, synonyms)| synonyms.iter().any(|synonym| text.eq_ignore_ascii_case(synonym)))
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonyms_map_to_the_six_standard_names() {
        for (text, name) in [
            ("V", "TRACE"),
            ("finest", "TRACE"),
            ("Dbg", "DEBUG"),
            ("notice", "INFO"),
            ("", "INFO"),
            (" Warning ", "WARN"),
            ("SEVERE", "ERROR"),
            ("emerg", "FATAL"),
        ] {
            assert_eq!(Level::parse(text).as_str(), name);
        }
    }

    #[test]
    fn an_unknown_level_is_kept_in_upper_case() {
        assert_eq!(Level::parse("audit").as_str(), "AUDIT");
    }

    #[test]
    fn parsing_a_level_twice_does_not_change_it() {
        let cut_at_a_space = format!("{} b", "a".repeat(31));
        for text in [&*cut_at_a_space, "ſevere", "ı", "ŉ", "ǆ", "Ω ", "\u{0}", "audit"] {
            let level = Level::parse(text);
            assert_eq!(Level::parse(level.as_str()), level, "{text}");
        }
    }

    #[test]
    fn a_long_level_is_truncated() {
        assert_eq!(Level::parse(&"ß".repeat(40)).as_str(), "S".repeat(32));
    }
}
