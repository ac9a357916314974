//! Reads messages to check whether they contain fragments.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::memmem;
use serde::Deserialize;
use tantivy::schema::{Field, Value};
use tantivy::store::StoreReader;
use tantivy::{DocId, SegmentReader, TantivyDocument, TantivyError};

use super::checks::{Checks, Failure};
use crate::text;

/// Messages are usually read in segment order, so each block of entries is decompressed only once.
const CACHED_BLOCKS: usize = 1;

/// The messages of a segment.
pub(super) struct Messages {
    store: StoreReader,
    entry: Field,
    checks: Arc<Checks>,
}

/// The part of an entry's JSON that is read.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

impl Messages {
    pub(super) fn open(
        segment: &SegmentReader,
        entry: Field,
        checks: Arc<Checks>,
    ) -> tantivy::Result<Self> {
        Ok(Self { store: segment.get_store_reader(CACHED_BLOCKS)?, entry, checks })
    }

    /// Whether the entry's message contains all of the fragments. Always false once a check has
    /// failed.
    pub(super) fn contains_all(&self, doc: DocId, fragments: &[String]) -> bool {
        if self.checks.has_failed() {
            return false;
        }
        self.check(doc, fragments).unwrap_or_else(|failure| {
            self.checks.fail(failure);
            false
        })
    }

    fn check(&self, doc: DocId, fragments: &[String]) -> Result<bool, Failure> {
        let document: TantivyDocument = self.store.get(doc)?;
        let json = document.get_first(self.entry).and_then(|value| value.as_str());
        let json = json.unwrap_or_default();
        self.checks.permit(json)?;
        let entry: Message<'_> = serde_json::from_str(json)
            .map_err(|error| TantivyError::InternalError(format!("stored entry: {error}")))?;
        let searchable = text::searchable(&entry.message);
        let contains = |fragment: &String| memmem::find(searchable.as_bytes(), fragment.as_bytes());
        Ok(fragments.iter().all(|fragment| contains(fragment).is_some()))
    }
}
