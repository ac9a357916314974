//! Counts the values of a field.

use std::collections::HashMap;

use tantivy::{DocId, SegmentReader};

use super::values::{Value, Values};
use crate::aggregation::{Kinds, Top, TopValues};
use crate::index::tantivy::schema::Fields;

/// The maximum number of different values that are counted exactly. It bounds the memory.
const MAX_DISTINCT: usize = 1_000_000;

/// The number of values that are decoded together.
const BLOCK: usize = 256;

/// The counts of the segments so far.
pub(super) struct TopCounter<'a> {
    top: &'a Top,
    counts: HashMap<String, u64>,
    entries: u64,
    kinds: Kinds,
    /// The counts of values beyond the maximum.
    uncounted: u64,
}

impl<'a> TopCounter<'a> {
    pub(super) fn new(top: &'a Top) -> Self {
        Self { top, counts: HashMap::new(), entries: 0, kinds: Kinds::default(), uncounted: 0 }
    }

    pub(super) fn add_segment(
        &mut self,
        fields: &Fields,
        segment: &SegmentReader,
        docs: &[DocId],
    ) -> tantivy::Result<()> {
        let values = Values::open(segment, fields, &self.top.field)?;
        let mut texts = vec![0_u64; values.text_count()];
        let mut others = HashMap::<Value, u64>::new();
        let mut count_text = |ordinal| {
            if let Some(count) = texts.get_mut(position(ordinal)) {
                *count += 1;
            }
        };
        if let Some(column) = values.single_texts() {
            // Decoding a block of a column is several times faster than decoding single values.
            let mut block = [0; BLOCK];
            for docs in docs.chunks(BLOCK) {
                let ordinals = &mut block[..docs.len()];
                column.values.get_vals(docs, ordinals);
                ordinals.iter().copied().for_each(&mut count_text);
            }
            self.entries += docs.len() as u64;
        } else {
            for doc in docs {
                let mut has_value = false;
                values.of(*doc, |value| {
                    has_value = true;
                    match value {
                        Value::Text(ordinal) => count_text(ordinal),
                        other => *others.entry(other).or_default() += 1,
                    }
                });
                self.entries += u64::from(has_value);
            }
        }
        let found = (0_u64..).zip(&texts).filter(|(_, count)| **count > 0);
        let ordinals: Vec<u64> = found.map(|(ordinal, _)| ordinal).collect();
        self.kinds.strings |= !ordinals.is_empty();
        self.kinds.numbers |= others.keys().any(|value| matches!(value, Value::Number(_)));
        self.kinds.constants |= others.keys().any(|value| matches!(value, Value::Constant(_)));
        values.texts(&ordinals, |ordinal, text| self.count(text, texts[position(ordinal)]))?;
        for (value, count) in others {
            if let Some(text) = values.text(value) {
                self.count(&text, count);
            }
        }
        Ok(())
    }

    /// Adds to the count of a value.
    fn count(&mut self, text: &str, count: u64) {
        if let Some(sum) = self.counts.get_mut(text) {
            *sum += count;
        } else if self.counts.len() < MAX_DISTINCT {
            self.counts.insert(text.to_owned(), count);
        } else {
            self.uncounted += count;
        }
    }

    pub(super) fn finish(self) -> TopValues {
        let mut values = TopValues::of(self.counts, self.top.limit);
        values.entries = self.entries;
        values.kinds = self.kinds;
        values.other += self.uncounted;
        values.is_approximate = self.uncounted > 0;
        values
    }
}

/// The position of an ordinal's count.
fn position(ordinal: u64) -> usize {
    usize::try_from(ordinal).unwrap_or(usize::MAX)
}
