//! Counts the values of a field.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use tantivy::{BitSet, DocId, SegmentReader};

use super::values::{NULL, Value, Values};
use crate::aggregation::{Kinds, Top, TopValues};
use crate::index::tantivy::schema::Fields;

/// The number of further different values, of all fields, that can be counted. It bounds the memory.
pub(super) struct Room(usize);

impl Room {
    /// The maximum number of different values.
    pub(super) fn new() -> Self {
        Self(1_000_000)
    }

    /// Makes room for another value, if there is any left.
    fn take(&mut self) -> bool {
        let rest = self.0.checked_sub(1);
        self.0 = rest.unwrap_or(0);
        rest.is_some()
    }
}

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
        room: &mut Room,
    ) -> tantivy::Result<()> {
        let values = Values::open(segment, fields, &self.top.field)?;
        let mut texts = vec![0_u64; values.text_count()];
        let mut others = HashMap::<Value, u64, RandomState>::default();
        let mut with_value = BitSet::with_max_value(segment.max_doc());
        values.each(docs, |doc, value| {
            with_value.insert(doc);
            match value {
                Value::Text(ordinal) => {
                    if let Some(count) = texts.get_mut(position(ordinal)) {
                        *count += 1;
                    }
                }
                other => *others.entry(other).or_default() += 1,
            }
        });
        self.entries += with_value.len() as u64;
        let found = (0_u64..).zip(&texts).filter(|(_, count)| **count > 0);
        let ordinals: Vec<u64> = found.map(|(ordinal, _)| ordinal).collect();
        self.kinds.strings |= !ordinals.is_empty();
        self.kinds.numbers |= others.keys().any(|value| matches!(value, Value::Number(_)));
        for text in others.keys().filter_map(|value| values.constant(*value)) {
            *(if text == NULL { &mut self.kinds.nulls } else { &mut self.kinds.booleans }) = true;
        }
        values
            .texts(&ordinals, |ordinal, text| self.count(text, texts[position(ordinal)], room))?;
        for (value, count) in others {
            if let Some(text) = values.text(value) {
                self.count(&text, count, room);
            }
        }
        Ok(())
    }

    /// Adds to the count of a value.
    fn count(&mut self, text: &str, count: u64, room: &mut Room) {
        if let Some(sum) = self.counts.get_mut(text) {
            *sum += count;
        } else if room.take() {
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
