//! The schema: an entry's JSON, its words, and columns to sort by.
//! tantivy stores the schema in the directory. A change to it requires a new directory.

use tantivy::SegmentReader;
use tantivy::TantivyDocument;
use tantivy::columnar::ColumnValues;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer, TokenizerManager,
};

use crate::log_entry::{EntryId, LogEntry, Timestamp};

/// The name of the tokenizer in the schema.
const WORDS: &str = "words";

/// The longest word that is indexed, in bytes. Longer ones are usually encoded data.
const MAX_WORD_BYTES: usize = 1024;

const TIMESTAMP: &str = "timestamp";
const ID_HIGH: &str = "id_high";
const ID_LOW: &str = "id_low";

/// The fields of an entry in the index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    /// The entry's JSON, stored.
    pub(super) entry: Field,
    /// The words of message, service name and level.
    pub(super) text: Field,
    /// The exact service name.
    pub(super) service_name: Field,
    /// The exact level.
    pub(super) level: Field,
    /// Microseconds since 1970, a column.
    pub(super) timestamp: Field,
    /// The first half of the id, a column. As a term, it finds the entries of one request.
    pub(super) id_high: Field,
    /// The second half of the id, a column.
    pub(super) id_low: Field,
}

impl Fields {
    /// Builds the schema.
    pub(super) fn with_schema() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let words = text(WORDS, IndexRecordOption::WithFreqsAndPositions, true);
        let exact = text("raw", IndexRecordOption::Basic, false);
        let fields = Self {
            entry: schema.add_bytes_field("entry", STORED),
            text: schema.add_text_field("text", words),
            service_name: schema.add_text_field("service_name", exact.clone()),
            level: schema.add_text_field("level", exact),
            timestamp: schema.add_u64_field(TIMESTAMP, FAST),
            id_high: schema.add_u64_field(ID_HIGH, FAST | INDEXED),
            id_low: schema.add_u64_field(ID_LOW, FAST),
        };
        (schema.build(), fields)
    }

    /// Converts an entry into a document.
    pub(super) fn document(&self, entry: &LogEntry) -> TantivyDocument {
        let (id_high, id_low) = id_halves(entry.id);
        let mut document = TantivyDocument::new();
        document.add_bytes(self.entry, &entry.to_json());
        // Separate values, so that no phrase spans two of them.
        document.add_text(self.text, &entry.message);
        document.add_text(self.text, entry.service_name.as_str());
        document.add_text(self.text, entry.level.as_str());
        document.add_text(self.service_name, entry.service_name.as_str());
        document.add_text(self.level, entry.level.as_str());
        document.add_u64(self.timestamp, micros(entry.timestamp));
        document.add_u64(self.id_high, id_high);
        document.add_u64(self.id_low, id_low);
        document
    }
}

fn text(tokenizer: &str, record: IndexRecordOption, fieldnorms: bool) -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_index_option(record)
        .set_fieldnorms(fieldnorms);
    TextOptions::default().set_indexing_options(indexing)
}

/// The tokenizers that split the text of entries into words.
pub(super) fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    let analyzer = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES + 1))
        .filter(LowerCaser)
        .build();
    tokenizers.register(WORDS, analyzer);
    tokenizers
}

/// Splits the words of a query. It keeps words that are too long to be indexed, so that they match
/// nothing.
pub(super) fn query_analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default()).filter(LowerCaser).build()
}

/// The timestamp as it is indexed.
pub(super) fn micros(timestamp: Timestamp) -> u64 {
    // Timestamps are between the years 1970 and 9999, so they are never negative.
    timestamp.as_micros().cast_unsigned()
}

/// The id as it is indexed: two numbers that sort by arrival.
pub(super) fn id_halves(id: EntryId) -> (u64, u64) {
    let (high, low) = id.as_bytes().split_at(8);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    (number(high), number(low))
}

/// The columns of a segment that hits are sorted by. Every entry has a value in each.
pub(super) struct Columns {
    timestamp: Column,
    id_high: Column,
    id_low: Column,
}

type Column = std::sync::Arc<dyn ColumnValues<u64>>;

impl Columns {
    pub(super) fn open(segment: &SegmentReader) -> tantivy::Result<Self> {
        let column = |name| -> tantivy::Result<Column> {
            Ok(segment.fast_fields().u64(name)?.first_or_default_col(0))
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

    pub(super) fn id(&self, doc: u32) -> (u64, u64) {
        (self.id_high.get_val(doc), self.id_low.get_val(doc))
    }

    /// The earliest and the latest timestamp.
    pub(super) fn timestamps(&self) -> (u64, u64) {
        (self.timestamp.min_value(), self.timestamp.max_value())
    }

    /// Whether the segment may contain an id with this first half.
    pub(super) fn may_contain(&self, id_high: u64) -> bool {
        (self.id_high.min_value()..=self.id_high.max_value()).contains(&id_high)
    }
}
