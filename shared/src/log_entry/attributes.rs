//! Structured data about an event: a JSON object, stored verbatim except that line
//! breaks between tokens become spaces.
//! Its nesting depth is limited, so that every parser downstream can read it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A JSON object of at most [`Attributes::MAX_DEPTH`] levels, without line breaks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Box<RawValue>")]
pub struct Attributes(Box<RawValue>);

impl Attributes {
    /// The maximum nesting depth of objects and arrays. `{}` has a depth of 1.
    pub const MAX_DEPTH: usize = 16;

    /// Parses attributes from JSON.
    ///
    /// # Errors
    /// When the text is not a JSON object or nests too deeply.
    pub fn parse(json: String) -> Result<Self, String> {
        Self::try_from(RawValue::from_string(json).map_err(|error| error.to_string())?)
    }

    /// The JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl TryFrom<Box<RawValue>> for Attributes {
    type Error = String;

    fn try_from(raw: Box<RawValue>) -> Result<Self, Self::Error> {
        if !raw.get().starts_with('{') {
            return Err("must be an object".to_owned());
        }
        let mut json = serde_json::Deserializer::from_str(raw.get());
        Depth(Self::MAX_DEPTH).deserialize(&mut json).map_err(|error| error.to_string())?;
        if !raw.get().contains(['\n', '\r']) {
            return Ok(Self(raw));
        }
        // JSON allows line breaks only between tokens, where a space is equivalent.
        let line = raw.get().replace(['\n', '\r'], " ");
        RawValue::from_string(line).map(Self).map_err(|error| error.to_string())
    }
}

/// Checks a JSON value without storing it; fails if it nests deeper than this many levels.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn descend<E: serde::de::Error>(self) -> Result<Self, E> {
        let Some(remaining) = self.0.checked_sub(1) else {
            let max = Attributes::MAX_DEPTH;
            return Err(E::custom(format_args!("must nest at most {max} levels deep")));
        };
        Ok(Self(remaining))
    }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.descend()?;
        // Decode the keys to find invalid escapes.
        while map.next_key_seed(Depth(0))?.is_some() {
            map.next_value_seed(inner)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.descend()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}{}", "{\"a\":".repeat(depth - 1) + "{", "}".repeat(depth))
    }

    #[test]
    fn sixteen_levels_are_accepted_and_seventeen_are_rejected() {
        assert!(Attributes::parse(nested(16)).is_ok());
        let reason = Attributes::parse(nested(17)).unwrap_err();
        assert!(reason.contains("at most 16 levels"), "{reason}");
    }

    #[test]
    fn arrays_count_as_levels() {
        let arrays = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(Attributes::parse(arrays(15)).is_ok());
        assert!(Attributes::parse(arrays(16)).is_err());
    }

    #[test]
    fn values_other_than_objects_are_rejected() {
        for json in ["[]", "null", "\"a\"", "1"] {
            assert!(Attributes::parse(json.to_owned()).is_err(), "{json}");
        }
    }

    #[test]
    fn undecodable_values_are_rejected() {
        for json in [r#"{"a":"\ud800"}"#, r#"{"\ud800":1}"#, r#"{"a":1e999}"#] {
            assert!(Attributes::parse(json.to_owned()).is_err(), "{json}");
        }
    }

    #[test]
    fn the_json_is_stored_verbatim() {
        let json = r#"{"b": 1.10, "a":  "\u0041","b":2}"#;
        assert_eq!(Attributes::parse(json.to_owned()).unwrap().as_str(), json);
    }
}
