//! The terms of keyword fields, which are compared as a whole.
//!
//! Values are UTF-8, in which bytes above `0xf7` never occur. These bytes therefore mark terms that
//! are not values, and separate an attribute's path from its value unambiguously.

use crate::query::Leaf;

/// The term that every entry with a value in the field has.
pub(super) const EXISTS: &[u8] = &[0xff];

const VALUE_FOLLOWS: u8 = 0xff;
const PATH_EXISTS: u8 = 0xfe;

/// The term for attributes with this path and value. It is also a prefix of the terms for values
/// that begin with this one.
pub(super) fn attribute(path: &str, value: &str) -> Vec<u8> {
    [path.as_bytes(), &[VALUE_FOLLOWS], value.as_bytes()].concat()
}

/// The term that every entry with an attribute at this path, or in an object at this path, has.
pub(super) fn attribute_exists_term(path: &str) -> Vec<u8> {
    [path.as_bytes(), &[PATH_EXISTS]].concat()
}

/// The terms of an attribute.
pub(super) fn attribute_terms(leaf: &Leaf, mut on_term: impl FnMut(&[u8])) {
    let equality_text = leaf.equality_text();
    let value = &equality_text[leaf.path.len() + "=".len()..];
    on_term(&attribute(&leaf.path, value));
    for (end, _) in leaf.path.match_indices('.') {
        on_term(&attribute_exists_term(&leaf.path[..end]));
    }
    on_term(&attribute_exists_term(&leaf.path));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Scalar;

    #[test]
    fn an_attribute_has_terms_for_its_value_and_each_enclosing_object() {
        let leaf = Leaf { path: "a=.b.c".to_owned(), value: Scalar::Constant("true") };
        let mut terms = Vec::new();
        attribute_terms(&leaf, |term| terms.push(term.to_vec()));
        let expected = [&b"a=.b.c\xfftrue"[..], b"a=\xfe", b"a=.b\xfe", b"a=.b.c\xfe"];
        assert_eq!(terms, expected);
    }
}
