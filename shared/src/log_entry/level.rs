//! How severe an entry is: six names that everybody uses, and whatever else a system calls it.
//! A log is never lost over its level.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

/// A severity: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR`, `FATAL`, or another text in capitals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Level(Cow<'static, str>);

impl Level {
    /// The longest level that is kept, in characters; the rest is cut off.
    pub const MAX_CHARS: usize = 32;

    /// The level that a text of any system means. An empty one means the default, `INFO`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Some(name) = canonical(text) {
            return Self(Cow::Borrowed(name));
        }
        let capitals = text.chars().flat_map(char::to_uppercase);
        let capitals: String = capitals.take(Self::MAX_CHARS).collect();
        // Now it may be a name (`ı`), or end in a space: reading it again must not change it.
        let capitals = capitals.trim_end();
        let name = canonical(capitals).map(Cow::Borrowed);
        Self(name.unwrap_or_else(|| Cow::Owned(capitals.to_owned())))
    }

    /// The level's name in capitals.
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

/// The synonyms of syslog (RFC 5424), Android, java.util.logging and the common loggers.
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
    fn synonyms_become_the_six_names() {
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
    fn another_text_is_kept_in_capitals() {
        assert_eq!(Level::parse("audit").as_str(), "AUDIT");
    }

    #[test]
    fn reading_a_level_again_does_not_change_it() {
        let cut_at_a_space = format!("{} b", "a".repeat(31));
        for text in [&*cut_at_a_space, "ſevere", "ı", "ŉ", "ǆ", "Ω ", "\u{0}", "audit"] {
            let level = Level::parse(text);
            assert_eq!(Level::parse(level.as_str()), level, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(Level::parse(&"ß".repeat(40)).as_str(), "S".repeat(32));
    }
}
