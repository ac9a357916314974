//! Finds the entry with an id.

use tantivy::query::doc_predicate_query::{
    ConstOrVariableSegmentPredicate, DocPredicate, DocPredicateQuery, SegmentDocPredicate,
};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, SegmentReader, Term};

use super::Clause;
use crate::index::tantivy::schema::{Columns, Fields, id_halves};
use crate::log_entry::EntryId;

pub(super) fn query(fields: &Fields, id: EntryId) -> Clause {
    let (high, low) = id_halves(id);
    let first_half = Term::from_field_u64(fields.id_high, high);
    Box::new(DocPredicateQuery::from(HasId { first_half, low }))
}

/// Matches the entry with the id.
#[derive(Debug)]
struct HasId {
    first_half: Term,
    low: u64,
}

/// The predicate for one segment, applied to entries whose id has the first half.
struct SegmentHasId {
    columns: Columns,
    low: u64,
}

impl DocPredicate for HasId {
    type SegmentDocPredicate = SegmentHasId;

    fn doc_predicate(
        &self,
        segment: &SegmentReader,
    ) -> tantivy::Result<ConstOrVariableSegmentPredicate<SegmentHasId>> {
        let index = segment.inverted_index(self.first_half.field())?;
        let postings = index.read_postings(&self.first_half, IndexRecordOption::Basic)?;
        let Some(postings) = postings else {
            return Ok(ConstOrVariableSegmentPredicate::Const(false));
        };
        Ok(ConstOrVariableSegmentPredicate::Variable {
            predicate: SegmentHasId { columns: Columns::open(segment)?, low: self.low },
            necessary_condition: Box::new(postings),
        })
    }
}

impl SegmentDocPredicate for SegmentHasId {
    fn eval(&mut self, doc: DocId) -> bool {
        self.columns.id(doc).1 == self.low
    }
}
