//! The leaves of attributes: scalar values with their paths. The indexes contain them, and
//! conditions on attributes and words search them.

use serde_json::{Number, Value};

use crate::log_entry::Attributes;

/// The maximum number of an entry's leaves that can be found.
const MAX_LEAVES: usize = 1000;

/// The maximum length of a path. Leaves with longer paths are omitted.
const MAX_PATH_BYTES: usize = 1024;

/// Values are compared up to this length. Values in queries are always shorter.
const MAX_VALUE_BYTES: usize = 4100;

/// A scalar value in an entry's attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// The keys, joined with dots. An array's elements have the array's path.
    pub path: String,
    /// The value.
    pub value: Scalar,
}

/// A scalar value.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A string.
    String(String),
    /// A number, and its canonical text: `42` for `42.0`.
    Number(f64, String),
    /// A boolean or null, as JSON.
    Constant(&'static str),
}

impl Leaf {
    /// The maximum length in bytes of a string that can be compared with `<` and `>`.
    pub const MAX_COLUMN_BYTES: usize = 256;

    /// The text that is compared for equality: `path=value`, where a long value is truncated.
    #[must_use]
    pub fn equality_text(&self) -> String {
        let value = self.value.text();
        let value = &value[..value.floor_char_boundary(MAX_VALUE_BYTES)];
        format!("{}={value}", self.path)
    }
}

impl Scalar {
    /// The value as text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::String(text) | Self::Number(_, text) => text,
            Self::Constant(text) => text,
        }
    }
}

/// The leaves of the attributes, at most 1,000. Omits those with a path that is too long.
#[must_use]
pub fn leaves(attributes: Option<&Attributes>) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let Some(attributes) = attributes else { return leaves };
    // The attributes were parsed on arrival, so this cannot fail.
    if let Ok(value) = serde_json::from_str(attributes.as_str()) {
        collect(value, &mut String::new(), &mut leaves);
    }
    leaves
}

fn collect(value: Value, path: &mut String, leaves: &mut Vec<Leaf>) {
    if leaves.len() >= MAX_LEAVES || path.len() > MAX_PATH_BYTES {
        return;
    }
    let scalar = match value {
        Value::Object(members) => {
            for (key, value) in members {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(&key);
                collect(value, path, leaves);
                path.truncate(length);
            }
            return;
        }
        Value::Array(values) => {
            for value in values {
                collect(value, path, leaves);
            }
            return;
        }
        Value::String(text) => Scalar::String(text),
        Value::Number(number) => {
            Scalar::Number(number.as_f64().unwrap_or_default(), canonical_text(&number))
        }
        Value::Bool(true) => Scalar::Constant("true"),
        Value::Bool(false) => Scalar::Constant("false"),
        Value::Null => Scalar::Constant("null"),
    };
    leaves.push(Leaf { path: path.clone(), value: scalar });
}

/// The number as text, without a zero fraction or a signed zero, so that `42.0` equals `42`.
pub(crate) fn canonical_text(number: &Number) -> String {
    let text = number.to_string();
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Vec<String> {
        let attributes = Attributes::parse(json.to_owned()).unwrap();
        leaves(Some(&attributes)).iter().map(Leaf::equality_text).collect()
    }

    #[test]
    fn each_scalar_is_a_leaf_with_its_path() {
        let json = r#"{"a":{"b":[1,2.0,{"c":"x"}]},"d":null,"e":true,"f":{},"g":[]}"#;
        assert_eq!(texts(json), ["a.b=1", "a.b=2", "a.b.c=x", "d=null", "e=true"]);
        assert!(leaves(None).is_empty());
    }

    #[test]
    fn equal_numbers_have_the_same_text() {
        assert_eq!(texts(r#"{"a":[42,42.0,0,-0.0,-0]}"#), ["a=42", "a=42", "a=0", "a=0", "a=0"]);
    }

    #[test]
    fn large_integers_keep_their_digits() {
        assert_eq!(texts(r#"{"a":18446744073709551615}"#), ["a=18446744073709551615"]);
    }

    #[test]
    fn leaves_are_limited_in_number_and_size() {
        let many = vec!["7"; 5000].join(",");
        assert_eq!(texts(&format!(r#"{{"a":[{many}]}}"#)).len(), MAX_LEAVES);
        let long = "é".repeat(5000);
        assert_eq!(texts(&format!(r#"{{"{long}":1,"b":2}}"#)), ["b=2"]);
        assert!(texts(&format!(r#"{{"b":"{long}"}}"#))[0].len() <= MAX_VALUE_BYTES + 2);
    }
}
