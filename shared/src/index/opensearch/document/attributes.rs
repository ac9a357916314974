//! The fields that find an entry by its attributes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;

use crate::query::{Leaf, Scalar};

/// Attributes with longer paths have no columns.
const MAX_COLUMN_PATH_BYTES: usize = 256;

/// Dots and some other characters have a special meaning in OpenSearch's field names.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

/// A field's name cannot be empty. No other path has this name.
const NAME_OF_EMPTY_PATH: &str = "%";

/// The attributes' values with their paths.
pub(super) fn attr_texts(leaves: &[Leaf]) -> Vec<String> {
    let mut texts: Vec<String> = leaves.iter().map(attr_text).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn attr_text(leaf: &Leaf) -> String {
    let text = leaf.equality_text();
    match escaped_path(&leaf.path) {
        Cow::Borrowed(_) => text,
        Cow::Owned(path) => path + &text[leaf.path.len()..],
    }
}

/// A path as it precedes its values in `attr`. Without escaping, the value `b=c` at `a` would be
/// the same as the value `c` at `a=b`.
pub(in crate::index::opensearch) fn escaped_path(path: &str) -> Cow<'_, str> {
    if !path.contains(['=', '\\']) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(path.replace('\\', r"\\").replace('=', r"\="))
}

/// A document's columns: the values by field name.
#[derive(Serialize)]
pub(super) struct Columns<'a> {
    #[serde(rename = "num", skip_serializing_if = "BTreeMap::is_empty")]
    numbers: BTreeMap<String, Vec<f64>>,
    #[serde(rename = "str", skip_serializing_if = "BTreeMap::is_empty")]
    strings: BTreeMap<String, Vec<&'a str>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(leaves: &'a [Leaf], is_column: impl Fn(&str) -> bool) -> Self {
        let mut columns = Self { numbers: BTreeMap::new(), strings: BTreeMap::new() };
        for leaf in leaves.iter().filter(|leaf| has_column(leaf) && is_column(&leaf.path)) {
            match &leaf.value {
                Scalar::Number(value, _) => {
                    // Turns -0 into 0. They are equal, but not in OpenSearch.
                    let value = value + 0.0;
                    columns.numbers.entry(column_name(&leaf.path)).or_default().push(value);
                }
                Scalar::String(text) => {
                    columns.strings.entry(column_name(&leaf.path)).or_default().push(text);
                }
                Scalar::Constant(_) => {}
            }
        }
        columns
    }
}

/// Whether the leaf's path can have a column, and its value fits. A path with only booleans has a
/// column too, although it is empty: its values can be counted by `attr`.
pub(in crate::index::opensearch) fn has_column(leaf: &Leaf) -> bool {
    let is_short = match &leaf.value {
        Scalar::Number(..) | Scalar::Constant(_) => true,
        Scalar::String(text) => text.len() <= Leaf::MAX_COLUMN_BYTES,
    };
    is_short && can_have_column(&leaf.path)
}

/// Whether attributes with this path can have columns.
pub(in crate::index::opensearch) fn can_have_column(path: &str) -> bool {
    path.len() <= MAX_COLUMN_PATH_BYTES
}

/// The name of a path's columns within their objects.
pub(in crate::index::opensearch) fn column_name(path: &str) -> String {
    if path.is_empty() {
        return NAME_OF_EMPTY_PATH.to_owned();
    }
    utf8_percent_encode(path, ENCODED).to_string()
}

/// The path whose columns have this name; `None` if no path's columns do.
pub(in crate::index::opensearch) fn column_path(name: &str) -> Option<String> {
    if name == NAME_OF_EMPTY_PATH {
        return Some(String::new());
    }
    let path = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    (column_name(&path) == name).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::Attributes;
    use crate::query::leaves;

    #[test]
    fn different_leaves_have_different_texts() {
        let texts =
            |json: &str| attr_texts(&leaves(Some(&Attributes::parse(json.to_owned()).unwrap())));
        assert_eq!(texts(r#"{"a":["b=c","b=c"],"d.e":1}"#), ["a=b=c", "d.e=1"]);
        assert_eq!(texts(r#"{"a=b":"c"}"#), [r"a\=b=c"]);
        assert_eq!(texts(r#"{"a\\":"=b","a\\=":"b"}"#), [r"a\\==b", r"a\\\==b"]);
    }

    #[test]
    fn column_names_round_trip() {
        for path in
            ["", "status", "%", "http.status", "a b", "\"", "*", "%2E", "é", "a\0", ".", "_id"]
        {
            let name = column_name(path);
            assert!(!name.contains(['.', '*', ' ', '"']), "{name}");
            assert_eq!(column_path(&name).as_deref(), Some(path));
        }
        assert_eq!(column_path("a.b"), None);
    }

    #[test]
    fn columns_contain_numbers_and_short_strings_of_chosen_paths() {
        let long = "x".repeat(257);
        let json =
            format!(r#"{{"a":{{"b":[1,-0.0,"s"]}},"c":true,"d":"{long}","e":2,"":3,"{long}":4}}"#);
        let leaves = leaves(Some(&Attributes::parse(json).unwrap()));
        let columns = Columns::of(&leaves, |path| path != "e");
        let json = serde_json::to_string(&columns).unwrap();
        assert_eq!(json, r#"{"num":{"%":[3.0],"a%2Eb":[1.0,0.0]},"str":{"a%2Eb":["s"]}}"#);
    }
}
