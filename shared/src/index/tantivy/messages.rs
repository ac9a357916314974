//! Reads messages to check whether they contain fragments.

use std::borrow::Cow;

use serde::Deserialize;
use tantivy::schema::{Field, Value};
use tantivy::store::StoreReader;
use tantivy::{DocId, SegmentReader, TantivyDocument, TantivyError};

use crate::text;

/// Messages are usually read in segment order, so each block of entries is decompressed only once.
const CACHED_BLOCKS: usize = 1;

/// The messages of a segment.
pub(super) struct Messages {
    store: StoreReader,
    entry: Field,
}

/// The part of an entry's JSON that is read.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

impl Messages {
    pub(super) fn open(segment: &SegmentReader, entry: Field) -> tantivy::Result<Self> {
        Ok(Self { store: segment.get_store_reader(CACHED_BLOCKS)?, entry })
    }

    /// Whether the entry's message contains all of the fragments.
    pub(super) fn contain(&self, doc: DocId, fragments: &[String]) -> tantivy::Result<bool> {
        let document: TantivyDocument = self.store.get(doc)?;
        let json = document.get_first(self.entry).and_then(|value| value.as_str());
        let entry: Message<'_> = serde_json::from_str(json.unwrap_or_default())
            .map_err(|error| TantivyError::InternalError(format!("stored entry: {error}")))?;
        let searchable = text::searchable(&entry.message);
        Ok(fragments.iter().all(|fragment| searchable.contains(fragment)))
    }
}
