//! The values of a field in a segment.

use std::fmt::Debug;

use tantivy::columnar::{BytesColumn, Cardinality, Column};
use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocId, DocSet, SegmentReader, TERMINATED, Term};

use crate::aggregation::{Field, number_text};
use crate::index::tantivy::column_paths::column_name;
use crate::index::tantivy::keyword;
use crate::index::tantivy::schema::{Fields, LEVEL, NUMBERS, PATTERN, SERVICE_NAME, STRINGS};

/// The texts of booleans and null, which have terms but no column.
const CONSTANTS: [&str; 3] = ["false", NULL, "true"];

/// The text of null.
pub(super) const NULL: &str = "null";

/// The values of a field.
pub(super) struct Values {
    texts: Option<BytesColumn>,
    numbers: Option<Column<f64>>,
    /// The documents with each constant, without those that also have its text as a string.
    constants: Vec<(&'static str, BitSet)>,
}

/// A value in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// The ordinal of a text in the segment.
    Text(u64),
    /// The bits of a number.
    Number(u64),
    /// The position of a constant in the segment.
    Constant(usize),
}

impl Value {
    /// Distinguishes values that have the same text.
    pub(super) fn kind(self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Number(_) => 1,
            Self::Constant(_) => 2,
        }
    }
}

impl Values {
    pub(super) fn open(
        segment: &SegmentReader,
        fields: &Fields,
        field: &Field,
    ) -> tantivy::Result<Self> {
        let columns = segment.fast_fields();
        let keyword = |name| -> tantivy::Result<Self> {
            Ok(Self { texts: columns.bytes(name)?, numbers: None, constants: Vec::new() })
        };
        match field {
            Field::ServiceName => keyword(SERVICE_NAME),
            Field::Level => keyword(LEVEL),
            Field::Pattern => keyword(PATTERN),
            Field::Attribute(path) => {
                let texts = columns.str(&column(STRINGS, path))?.map(BytesColumn::from);
                let constants = constants(segment, fields, path, texts.as_ref())?;
                Ok(Self { texts, numbers: numbers(segment, path)?, constants })
            }
        }
    }

    /// The number of texts, whose ordinals are smaller.
    pub(super) fn text_count(&self) -> usize {
        self.texts.as_ref().map_or(0, BytesColumn::num_terms)
    }

    /// Calls `on_value` for each different value of each of the documents. Texts, numbers and
    /// constants of a block of documents follow each other.
    pub(super) fn each(&self, docs: &[DocId], mut on_value: impl FnMut(DocId, Value)) {
        let mut block = Block::default();
        for docs in docs.chunks(Block::DOCS) {
            if let Some(texts) = &self.texts {
                let ordinals = block.values(texts.ords(), docs, |ordinal| ordinal);
                ordinals.for_each(|(doc, ordinal)| on_value(doc, Value::Text(ordinal)));
            }
            if let Some(numbers) = &self.numbers {
                let bits = block.values(numbers, docs, f64::to_bits);
                bits.for_each(|(doc, bits)| on_value(doc, Value::Number(bits)));
            }
            for (position, (_, with_constant)) in self.constants.iter().enumerate() {
                let docs = docs.iter().copied().filter(|doc| with_constant.contains(*doc));
                docs.for_each(|doc| on_value(doc, Value::Constant(position)));
            }
        }
    }

    /// Calls `on_value` once for each different value of a document.
    pub(super) fn of(&self, doc: DocId, mut on_value: impl FnMut(Value)) {
        if let Some(texts) = &self.texts {
            each_once(texts.term_ords(doc), |ordinal| on_value(Value::Text(ordinal)));
        }
        if let Some(numbers) = &self.numbers {
            let bits = numbers.values_for_doc(doc).map(f64::to_bits);
            each_once(bits, |bits| on_value(Value::Number(bits)));
        }
        for (position, (_, docs)) in self.constants.iter().enumerate() {
            if docs.contains(doc) {
                on_value(Value::Constant(position));
            }
        }
    }

    /// Calls `on_text` with the text of each of the ordinals, which must be in ascending order.
    pub(super) fn texts(
        &self,
        ordinals: &[u64],
        mut on_text: impl FnMut(u64, &str),
    ) -> tantivy::Result<()> {
        let Some(texts) = &self.texts else { return Ok(()) };
        let mut remaining = ordinals.iter();
        texts.dictionary().sorted_ords_to_term_cb(ordinals, |bytes| {
            if let Some(ordinal) = remaining.next() {
                on_text(*ordinal, &String::from_utf8_lossy(bytes));
            }
        })?;
        Ok(())
    }

    /// The text of a number or a constant.
    pub(super) fn text(&self, value: Value) -> Option<String> {
        match value {
            Value::Text(_) => None,
            Value::Number(bits) => Some(number_text(f64::from_bits(bits))),
            Value::Constant(_) => self.constant(value).map(str::to_owned),
        }
    }

    /// The text of a constant.
    pub(super) fn constant(&self, value: Value) -> Option<&'static str> {
        match value {
            Value::Constant(position) => self.constants.get(position).map(|(text, _)| *text),
            Value::Text(_) | Value::Number(_) => None,
        }
    }
}

/// Values that are decoded together, which is faster than one by one.
#[derive(Default)]
struct Block {
    docs: Vec<DocId>,
    rows: Vec<u32>,
    values: Vec<(DocId, u64)>,
}

impl Block {
    /// The number of documents whose values are decoded together.
    const DOCS: usize = 256;

    /// The different values of each document, by document.
    fn values<T: Copy + Default + PartialOrd + Debug + Send + Sync + 'static>(
        &mut self,
        column: &Column<T>,
        docs: &[DocId],
        bits: impl Fn(T) -> u64,
    ) -> impl Iterator<Item = (DocId, u64)> {
        self.docs.clear();
        self.rows.clear();
        self.values.clear();
        column.row_ids_for_docs(docs, &mut self.docs, &mut self.rows);
        let mut decoded = [T::default(); Self::DOCS];
        let blocks = self.docs.chunks(Self::DOCS).zip(self.rows.chunks(Self::DOCS));
        for (docs, rows) in blocks {
            let decoded = &mut decoded[..rows.len()];
            column.values.get_vals(rows, decoded);
            let values = decoded.iter().map(|value| bits(*value));
            self.values.extend(docs.iter().copied().zip(values));
        }
        if column.get_cardinality() == Cardinality::Multivalued {
            self.values.sort_unstable();
            self.values.dedup();
        }
        self.values.iter().copied()
    }
}

/// Calls `on_value` once for each different value.
fn each_once(mut values: impl Iterator<Item = u64>, mut on_value: impl FnMut(u64)) {
    let Some(first) = values.next() else { return };
    let Some(second) = values.next() else { return on_value(first) };
    let mut all = vec![first, second];
    all.extend(values);
    all.sort_unstable();
    all.dedup();
    all.into_iter().for_each(on_value);
}

/// The numbers of the attribute with this path.
pub(super) fn numbers(segment: &SegmentReader, path: &str) -> tantivy::Result<Option<Column<f64>>> {
    segment.fast_fields().column_opt::<f64>(&column(NUMBERS, path))
}

fn column(field: &str, path: &str) -> String {
    format!("{field}.{}", column_name(path))
}

fn constants(
    segment: &SegmentReader,
    fields: &Fields,
    path: &str,
    texts: Option<&BytesColumn>,
) -> tantivy::Result<Vec<(&'static str, BitSet)>> {
    let index = segment.inverted_index(fields.attributes)?;
    let mut constants = Vec::new();
    for text in CONSTANTS {
        let term = Term::from_field_bytes(fields.attributes, &keyword::attribute(path, text));
        let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else {
            continue;
        };
        // Strings have the same term.
        let ordinal = match texts {
            Some(texts) => texts.dictionary().term_ord(text)?,
            None => None,
        };
        let is_string = |doc| {
            let mut ordinals = texts.into_iter().flat_map(|texts| texts.term_ords(doc));
            ordinal.is_some_and(|ordinal| ordinals.any(|other| other == ordinal))
        };
        let mut docs = BitSet::with_max_value(segment.max_doc());
        while postings.doc() != TERMINATED {
            if !is_string(postings.doc()) {
                docs.insert(postings.doc());
            }
            postings.advance();
        }
        constants.push((text, docs));
    }
    Ok(constants)
}
