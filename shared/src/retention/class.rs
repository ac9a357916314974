//! The class of an entry.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest, Sha256};

/// Which rule of the setting `RETENTION` applies to an entry: the text of the rule's condition, for
/// example `level:debug`, or nothing for the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(Option<Arc<str>>);

impl Class {
    /// The longest condition, in bytes.
    pub(super) const MAX_BYTES: usize = 255;

    /// The length of [`id`](Self::id).
    pub(crate) const ID_BYTES: usize = 5;

    /// The class of entries that meet no rule.
    pub const DEFAULT: Self = Self(None);

    /// The class of entries that meet the condition with this text; `None` if the text is empty or
    /// too long.
    #[must_use]
    pub fn new(condition: &str) -> Option<Self> {
        (1..=Self::MAX_BYTES).contains(&condition.len()).then(|| Self(Some(condition.into())))
    }

    /// Whether the entry meets no rule.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0.is_none()
    }

    /// The text of the condition; `None` for the default.
    #[must_use]
    pub fn condition(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Bytes that identify the condition; zeros for the default.
    #[must_use]
    pub(crate) fn id(&self) -> [u8; Self::ID_BYTES] {
        let mut id = [0; Self::ID_BYTES];
        if let Some(condition) = self.condition() {
            id.copy_from_slice(&Sha256::digest(condition)[..Self::ID_BYTES]);
        }
        id
    }

    /// A name for tables, files and indexes: up to 20 lower-case letters, digits and underscores
    /// that resemble the condition, and ten hexadecimal digits that identify it. Empty for the
    /// default.
    #[must_use]
    pub fn storage_name(&self) -> String {
        let Some(condition) = self.condition() else { return String::new() };
        let mut name = String::new();
        for char in condition.chars().map(|char| char.to_ascii_lowercase()) {
            if char.is_ascii_alphanumeric() {
                name.push(char);
            } else if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            if name.len() == 20 {
                break;
            }
        }
        let id = self.id().iter().fold(0, |id, byte| id << 8 | u64::from(*byte));
        let id = format!("{id:010x}");
        let name = name.trim_end_matches('_');
        if name.is_empty() { id } else { format!("{name}_{id}") }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition().unwrap_or("default"))
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.condition().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            None => Ok(Self::DEFAULT),
            Some(text) => Self::new(&text).ok_or_else(|| {
                D::Error::custom(format_args!("must have 1 to {} bytes", Self::MAX_BYTES))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage_name(condition: &str) -> String {
        Class::new(condition).unwrap().storage_name()
    }

    #[test]
    fn a_storage_name_resembles_and_identifies_the_condition() {
        for (condition, expected) in [
            ("level:debug", "level_debug_e96b4adb4d"),
            ("service_name:audit", "service_name_audit_"),
            (r#"-level:INFO AND @team.name:("a" OR b)"#, "level_info_and_team_"),
        ] {
            let name = storage_name(condition);
            assert!(name.starts_with(&expected[..expected.len().min(12)]), "{name}");
            assert!(name.len() <= 31, "{name}");
            let is_allowed =
                |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
            assert!(name.chars().all(is_allowed), "{name}");
        }
        assert_eq!(Class::DEFAULT.storage_name(), "");
        assert_eq!(storage_name("错误").len(), 10);
        assert_ne!(storage_name("a:b_c"), storage_name("a_b:c"));
    }

    #[test]
    fn a_class_is_the_text_of_its_condition_in_json() {
        let class = Class::new("level:debug").unwrap();
        assert_eq!(serde_json::to_string(&class).unwrap(), r#""level:debug""#);
        assert_eq!(serde_json::from_str::<Class>(r#""level:debug""#).unwrap(), class);
        assert_eq!(serde_json::from_str::<Class>("null").unwrap(), Class::DEFAULT);
        let long = format!(r#""{}""#, "x".repeat(256));
        for invalid in [r#""""#, &long] {
            assert!(serde_json::from_str::<Class>(invalid).is_err(), "{invalid}");
        }
    }
}
