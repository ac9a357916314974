//! The identifier of a template.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Identifies a template: the first 64 bits of its SHA-256 hash, written as 16 hexadecimal digits.
/// It is the same on every machine and in every release, as long as the template is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternId(u64);

impl PatternId {
    /// The identifier of this template.
    #[must_use]
    pub fn of(template: &str) -> Self {
        let hash = Sha256::digest(template);
        Self(hash.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte)))
    }

    /// The identifier of the template of this message.
    #[must_use]
    pub fn of_message(message: &str) -> Self {
        Self::of(&super::template(message))
    }

    /// The start of every [`key`](super::key()) with this identifier.
    #[must_use]
    pub fn prefix(self) -> String {
        format!("{self} ")
    }
}

impl fmt::Display for PatternId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for PatternId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for PatternId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_valid = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u64::from_str_radix(text, 16).ok().filter(|_| is_valid);
        id.map(Self).ok_or("must be 16 hexadecimal digits such as 6b86b273ff34fce1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_start_of_the_sha_256_hash() {
        assert_eq!(PatternId::of("1").to_string(), "6b86b273ff34fce1");
        assert_eq!(PatternId::of("").to_string(), "e3b0c44298fc1c14");
    }

    #[test]
    fn ids_are_parsed_from_16_hexadecimal_digits() {
        for text in ["6b86b273ff34fce1", "0000000000000001", "ffffffffffffffff"] {
            assert_eq!(text.parse::<PatternId>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1",
            "6b86b273ff34fce",
            "6b86b273ff34fce11",
            "+b86b273ff34fce1",
            "6b86b273ff34fcéx",
        ] {
            assert!(text.parse::<PatternId>().unwrap_err().contains("16 hexadecimal digits"));
        }
    }
}
