//! The schema: an entry's JSON, the terms that find it, and columns to sort and compare by.
//! tantivy stores the schema in the directory. A change to it requires a new format version.

use tantivy::SegmentReader;
use tantivy::columnar::{Cardinality, ColumnValues};
use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, JsonObjectOptions, NumericOptions, STORED,
    Schema, TextFieldIndexing, TextOptions,
};

use super::tokens::{PIECES, WORDS};
use crate::log_entry::{Day, EntryId, Timestamp};

const TIMESTAMP: &str = "timestamp";
const ID_HIGH: &str = "id_high";
const ID_LOW: &str = "id_low";

/// The name of the column with the service name.
pub(super) const SERVICE_NAME: &str = "service_name";

/// The name of the column with the level.
pub(super) const LEVEL: &str = "level";

/// The name of the column with the key of the pattern.
pub(super) const PATTERN: &str = "pattern";

/// The name of the field with the attributes' numbers.
pub(super) const NUMBERS: &str = "num";

/// The name of the field with the attributes' short strings.
pub(super) const STRINGS: &str = "str";

/// The fields of an entry in the index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    /// The entry's JSON, stored.
    pub(super) entry: Field,
    /// The words of the message, and those of the other texts.
    pub(super) words: [Field; 2],
    /// The terms that, together with its words, find fragments of the message. The
    /// [`pieces`](super::pieces) module defines them.
    pub(super) pieces: Field,
    /// The exact service name, also a column.
    pub(super) service_name: Field,
    /// The exact level, also a column.
    pub(super) level: Field,
    /// The [key](crate::pattern::key()) of the message's pattern, also a column.
    pub(super) pattern: Field,
    /// The exact trace id, and [`keyword::EXISTS`](super::keyword::EXISTS) if there is one.
    pub(super) trace_id: Field,
    /// The exact span id, and [`keyword::EXISTS`](super::keyword::EXISTS) if there is one.
    pub(super) span_id: Field,
    /// The attributes: the [`keyword`](super::keyword) module defines the terms.
    pub(super) attributes: Field,
    /// The attributes' numbers, with a column for each path.
    pub(super) numbers: Field,
    /// The attributes' short strings, with a column for each path.
    pub(super) strings: Field,
    /// Which paths have columns: the [`column_paths`](super::column_paths) module defines the
    /// terms.
    pub(super) column_paths: Field,
    /// The class and day: the [`parts`](super::parts) module defines the terms.
    pub(super) part: Field,
    /// Microseconds since 1970, a column.
    pub(super) timestamp: Field,
    /// The first half of the id, a column. It is also a term, which finds the entries of one
    /// request.
    pub(super) id_high: Field,
    /// The second half of the id, a column.
    pub(super) id_low: Field,
}

impl Fields {
    /// Builds the schema.
    pub(super) fn with_schema() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let words = |fieldnorms| text(WORDS, IndexRecordOption::WithFreqsAndPositions, fieldnorms);
        let pieces = text(PIECES, IndexRecordOption::Basic, false);
        let keyword = BytesOptions::default().set_indexed();
        let columns = JsonObjectOptions::default().set_fast("raw");
        let fields = Self {
            entry: schema.add_text_field("entry", STORED),
            words: [
                schema.add_text_field("message_words", words(true)),
                schema.add_text_field("other_words", words(false)),
            ],
            pieces: schema.add_text_field("pieces", pieces),
            service_name: schema.add_bytes_field(SERVICE_NAME, keyword.clone().set_fast()),
            level: schema.add_bytes_field(LEVEL, keyword.clone().set_fast()),
            pattern: schema.add_bytes_field(PATTERN, keyword.clone().set_fast()),
            trace_id: schema.add_bytes_field("trace_id", keyword.clone()),
            span_id: schema.add_bytes_field("span_id", keyword.clone()),
            attributes: schema.add_bytes_field("attr", keyword.clone()),
            numbers: schema.add_json_field(NUMBERS, columns.clone()),
            strings: schema.add_json_field(STRINGS, columns),
            column_paths: schema.add_bytes_field("column_paths", keyword.clone()),
            part: schema.add_bytes_field("part", keyword),
            timestamp: schema.add_u64_field(TIMESTAMP, FAST),
            id_high: schema
                .add_u64_field(ID_HIGH, NumericOptions::default().set_fast().set_indexed()),
            id_low: schema.add_u64_field(ID_LOW, FAST),
        };
        (schema.build(), fields)
    }

    /// The fields with the pieces of messages, whose terms are also in the [word
    /// list](super::word_list).
    pub(super) fn listed(&self) -> [Field; 2] {
        [self.words[0], self.pieces]
    }
}

fn text(tokenizer: &str, record: IndexRecordOption, fieldnorms: bool) -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_index_option(record)
        .set_fieldnorms(fieldnorms);
    TextOptions::default().set_indexing_options(indexing)
}

/// A timestamp as it is indexed.
pub(super) fn micros(timestamp: Timestamp) -> u64 {
    // Timestamps are between the years 1970 and 9999, so they are never negative.
    timestamp.as_micros().cast_unsigned()
}

/// An id as it is indexed: two numbers that sort by arrival.
pub(super) fn id_halves(id: EntryId) -> (u64, u64) {
    let (high, low) = id.as_bytes().split_at(8);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    (number(high), number(low))
}

/// The day of arrival of an entry whose id has this first half.
fn day(id_high: u64) -> Day {
    Day::at(EntryId::time_in(id_high))
}

/// The columns of a segment by which hits are sorted. Every entry has a value in each.
pub(super) struct Columns {
    timestamp: Column,
    id_high: Column,
    id_low: Column,
}

/// A column with a value for every entry.
pub(super) type Column = std::sync::Arc<dyn ColumnValues<u64>>;

impl Columns {
    pub(super) fn open(segment: &SegmentReader) -> tantivy::Result<Self> {
        let column = |name| -> tantivy::Result<Column> {
            let column = segment.fast_fields().u64(name)?;
            // Every entry has a value, so the index from entries to values is not needed.
            Ok(match column.get_cardinality() {
                Cardinality::Full => column.values,
                Cardinality::Optional | Cardinality::Multivalued => column.first_or_default_col(0),
            })
        };
        Ok(Self {
            timestamp: column(TIMESTAMP)?,
            id_high: column(ID_HIGH)?,
            id_low: column(ID_LOW)?,
        })
    }

    pub(super) fn timestamp(&self, doc: u32) -> u64 {
        self.timestamp.get_val(doc)
    }

    /// The timestamps of entries, decoded together, which is faster than one by one.
    pub(super) fn timestamps_of(&self, docs: &[u32]) -> Vec<u64> {
        let mut timestamps = vec![0; docs.len()];
        self.timestamp.get_vals(docs, &mut timestamps);
        timestamps
    }

    pub(super) fn id(&self, doc: u32) -> (u64, u64) {
        (self.id_high.get_val(doc), self.id_low.get_val(doc))
    }

    /// The earliest and the latest timestamp.
    pub(super) fn timestamps(&self) -> (u64, u64) {
        (self.timestamp.min_value(), self.timestamp.max_value())
    }

    /// The day of arrival of an entry.
    pub(super) fn day(&self, doc: u32) -> Day {
        day(self.id_high.get_val(doc))
    }

    /// The least and the greatest first half of any id.
    pub(super) fn id_highs(&self) -> (u64, u64) {
        (self.id_high.min_value(), self.id_high.max_value())
    }

    /// Whether the segment may contain an id with this first half.
    pub(super) fn may_contain(&self, id_high: u64) -> bool {
        let (least, greatest) = self.id_highs();
        (least..=greatest).contains(&id_high)
    }
}
