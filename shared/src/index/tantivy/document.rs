//! Converts an entry into a document: the stored JSON, and the terms and columns that find the
//! entry.

use std::collections::BTreeMap;

use tantivy::TantivyDocument;
use tantivy::schema::{Field, OwnedValue};

use super::column_paths::{Decision, PartPaths, column_name};
use super::keyword;
use super::schema::{Fields, id_halves, micros};
use crate::log_entry::{LogEntry, TraceId};
use crate::pattern;
use crate::query::{Leaf, Scalar, leaves, texts_besides_message};

/// Converts an entry of the part with these paths and this [term](super::parts::term).
pub(super) fn document(
    fields: &Fields,
    paths: &mut PartPaths,
    part: &[u8],
    entry: &LogEntry,
) -> TantivyDocument {
    let (id_high, id_low) = id_halves(entry.id);
    let leaves = leaves(entry.attributes.as_ref());
    let [message_words, other_words] = fields.words;
    let mut document = TantivyDocument::new();
    document.add_text(fields.entry, String::from_utf8_lossy(&entry.to_json()));
    document.add_text(message_words, &entry.message);
    document.add_text(fields.pieces, &entry.message);
    for text in texts_besides_message(entry, &leaves) {
        document.add_text(other_words, text);
    }
    document.add_bytes(fields.service_name, entry.service_name.as_str().as_bytes());
    document.add_bytes(fields.level, entry.level.as_str().as_bytes());
    document.add_bytes(fields.pattern, pattern::key(&entry.message).as_bytes());
    add_id(&mut document, fields.trace_id, entry.trace_id.as_ref());
    add_id(&mut document, fields.span_id, entry.span_id.as_ref());
    for leaf in &leaves {
        keyword::attribute_terms(leaf, |term| document.add_bytes(fields.attributes, term));
        add_column(&mut document, fields, paths, leaf);
    }
    document.add_bytes(fields.part, part);
    document.add_u64(fields.timestamp, micros(entry.timestamp));
    document.add_u64(fields.id_high, id_high);
    document.add_u64(fields.id_low, id_low);
    document
}

fn add_id(document: &mut TantivyDocument, field: Field, id: Option<&TraceId>) {
    if let Some(id) = id {
        document.add_bytes(field, id.as_str().as_bytes());
        document.add_bytes(field, keyword::EXISTS);
    }
}

/// Adds a number or a short string to the column of its path, if the path has one. A path with only
/// booleans has a column too, although it is empty: its values can be counted by their terms.
fn add_column(document: &mut TantivyDocument, fields: &Fields, paths: &mut PartPaths, leaf: &Leaf) {
    let value = match &leaf.value {
        Scalar::Number(number, _) => Some((fields.numbers, OwnedValue::F64(comparable(*number)))),
        Scalar::String(text) if text.len() <= Leaf::MAX_COLUMN_BYTES => {
            Some((fields.strings, OwnedValue::Str(text.clone())))
        }
        Scalar::String(_) => return,
        Scalar::Constant(_) => None,
    };
    match paths.decide(&leaf.path) {
        Decision::Column => {}
        Decision::NewColumn(term) => document.add_bytes(fields.column_paths, &term),
        Decision::PartIsFull(term) => {
            document.add_bytes(fields.column_paths, &term);
            return;
        }
        Decision::None => return,
    }
    if let Some((field, value)) = value {
        document.add_object(field, BTreeMap::from([(column_name(&leaf.path), value)]));
    }
}

/// The number as it is stored in a column. Columns order -0 before 0, so it becomes 0.
pub(super) fn comparable(number: f64) -> f64 {
    number + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_zeros_are_equal_in_a_column() {
        assert_eq!(comparable(-0.0).to_bits(), comparable(0.0).to_bits());
        assert_eq!(comparable(-1.5).to_bits(), (-1.5_f64).to_bits());
    }
}
