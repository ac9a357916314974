//! Finds entries by their ids.

use std::ops::Bound;

use tantivy::query::{
    BitSetDocSet, ConstScorer, EmptyQuery, EmptyScorer, EnableScoring, Explanation, Query,
    RangeQuery, Scorer, Weight,
};
use tantivy::schema::IndexRecordOption;
use tantivy::{BitSet, DocId, DocSet, Score, SegmentReader, TERMINATED, TantivyError, Term};

use super::Clause;
use crate::index::tantivy::schema::{Columns, Fields, id_halves};
use crate::log_entry::{EntryId, Timestamp};

/// Finds the entry with an id.
pub(super) fn query(fields: &Fields, id: EntryId) -> Clause {
    Box::new(IdsQuery::new(fields, vec![id]))
}

/// Finds the entries whose ids have a time before this one.
pub(super) fn arrived_before(fields: &Fields, time: Timestamp) -> Clause {
    let Some(last) = EntryId::last_before(time) else { return Box::new(EmptyQuery) };
    let last = Term::from_field_u64(fields.id_high, id_halves(last).0);
    Box::new(RangeQuery::new(Bound::Unbounded, Bound::Included(last)))
}

/// Finds the entries with these ids.
#[derive(Debug, Clone)]
pub(in crate::index::tantivy) struct IdsQuery {
    fields: Fields,
    ids: Vec<EntryId>,
}

impl IdsQuery {
    pub(in crate::index::tantivy) fn new(fields: &Fields, ids: Vec<EntryId>) -> Self {
        Self { fields: *fields, ids }
    }

    /// The documents in a segment, also those that have been deleted.
    pub(in crate::index::tantivy) fn docs(
        &self,
        segment: &SegmentReader,
    ) -> tantivy::Result<Vec<DocId>> {
        let columns = Columns::open(segment)?;
        let mut docs = Vec::new();
        for id in &self.ids {
            each_doc(segment, &columns, &self.fields, *id, |doc| docs.push(doc))?;
        }
        Ok(docs)
    }
}

/// Calls `on_doc` with the documents in a segment that have the id: usually at most one, but several
/// if all except one have been deleted. New ids are usually greater than all earlier ones, so a
/// segment's bounds rule out nearly all of them.
pub(in crate::index::tantivy) fn each_doc(
    segment: &SegmentReader,
    columns: &Columns,
    fields: &Fields,
    id: EntryId,
    mut on_doc: impl FnMut(DocId),
) -> tantivy::Result<()> {
    let (high, low) = id_halves(id);
    if !columns.may_contain(high) {
        return Ok(());
    }
    let term = Term::from_field_u64(fields.id_high, high);
    let index = segment.inverted_index(fields.id_high)?;
    let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else {
        return Ok(());
    };
    while postings.doc() != TERMINATED {
        if columns.id(postings.doc()).1 == low {
            on_doc(postings.doc());
        }
        postings.advance();
    }
    Ok(())
}

impl Query for IdsQuery {
    fn weight(&self, _scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for IdsQuery {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let docs = self.docs(segment)?;
        if docs.is_empty() {
            return Ok(Box::new(EmptyScorer));
        }
        let mut found = BitSet::with_max_value(segment.max_doc());
        for doc in docs {
            found.insert(doc);
        }
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(found), boost)))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        if !self.docs(segment)?.contains(&doc) {
            return Err(TantivyError::InvalidArgument(format!("document {doc} does not match")));
        }
        Ok(Explanation::new("IdsQuery", 1.0))
    }
}
