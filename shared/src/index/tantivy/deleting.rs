//! Deletes entries from the directory.
//!
//! The first entry with an attribute that has a column carries a term for it, which the
//! [`column_paths`](super::column_paths) module reads. If such an entry is deleted, its terms
//! are moved to another entry of the part: it is replaced by itself with these terms in the same
//! commit. If the part has no other entry, nothing is left to which the terms apply.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocId, DocSet, Searcher, SegmentReader, TERMINATED, TantivyError};

use super::document::document;
use super::parts;
use super::query::Target;
use super::query::id::IdsQuery;
use super::with_json;
use super::writer::{Session, Writer};
use crate::log_entry::{EntryId, LogEntry};
use crate::retention::Part;

impl Writer {
    /// Deletes the entries with these ids. On return this is durable and visible to `reader`.
    pub(super) fn delete(&self, ids: Vec<EntryId>) -> tantivy::Result<()> {
        self.with_session(|session| {
            let searcher = self.reader.searcher();
            let query = IdsQuery::new(&self.fields, ids);
            let mut terms_to_move = BTreeMap::new();
            let mut is_found = false;
            for segment in searcher.segment_readers() {
                let mut docs = query.docs(segment)?;
                docs.retain(|doc| !segment.is_deleted(*doc));
                is_found |= !docs.is_empty();
                self.collect_terms(segment, &docs, &mut terms_to_move)?;
            }
            if !is_found {
                return Ok(());
            }
            session.writer.delete_query(Box::new(query.clone()))?;
            for (part, terms) in terms_to_move {
                self.move_terms(session, &searcher, &query, (&part, terms))?;
            }
            session.writer.commit()?;
            self.publish(session)
        })
    }

    /// Adds the terms about columns that these documents of a segment have.
    fn collect_terms(
        &self,
        segment: &SegmentReader,
        docs: &[DocId],
        terms_to_move: &mut BTreeMap<Part, BTreeSet<Vec<u8>>>,
    ) -> tantivy::Result<()> {
        let Some(part) = parts::of_segment(segment, self.fields.part)? else { return Ok(()) };
        let terms = self.column_terms(segment, docs)?;
        if !terms.is_empty() {
            terms_to_move.entry(part).or_default().extend(terms);
        }
        Ok(())
    }

    /// The terms about columns that these documents of a segment have.
    fn column_terms(
        &self,
        segment: &SegmentReader,
        docs: &[DocId],
    ) -> tantivy::Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        if docs.is_empty() {
            return Ok(found);
        }
        let index = segment.inverted_index(self.fields.column_paths)?;
        let mut terms = index.terms().stream()?;
        while terms.advance() {
            let info = terms.value();
            let mut postings = index.read_postings_from_terminfo(info, IndexRecordOption::Basic)?;
            while postings.doc() != TERMINATED && !docs.contains(&postings.doc()) {
                postings.advance();
            }
            if postings.doc() != TERMINATED {
                found.push(terms.key().to_vec());
            }
        }
        Ok(found)
    }

    /// Moves the terms to another entry of the part, which is replaced by itself with these terms.
    fn move_terms(
        &self,
        session: &mut Session,
        searcher: &Searcher,
        deleted: &IdsQuery,
        (part, mut terms): (&Part, BTreeSet<Vec<u8>>),
    ) -> tantivy::Result<()> {
        let Some(other) = self.other_entry(searcher, deleted, part)? else {
            session.paths.forget(part);
            return Ok(());
        };
        let segment = searcher.segment_reader(other.segment_ord);
        terms.extend(self.column_terms(segment, &[other.doc_id])?);
        let target = Target { fields: &self.fields, searcher };
        let entry = with_json(target, other, |json| LogEntry::from_json(json.as_bytes()))?
            .map_err(|error| TantivyError::InternalError(format!("stored entry: {error}")))?;
        let paths = session.paths.of(part, searcher, self.fields.column_paths)?;
        let mut replacement = document(&self.fields, paths, &parts::term(part), &entry);
        for term in &terms {
            replacement.add_bytes(self.fields.column_paths, term);
        }
        let replaced = IdsQuery::new(&self.fields, vec![entry.id]);
        session.writer.delete_query(Box::new(replaced))?;
        session.writer.add_document(replacement)?;
        Ok(())
    }

    /// An entry of the part that is not deleted.
    fn other_entry(
        &self,
        searcher: &Searcher,
        deleted: &IdsQuery,
        part: &Part,
    ) -> tantivy::Result<Option<DocAddress>> {
        for (ordinal, segment) in (0..).zip(searcher.segment_readers()) {
            if parts::of_segment(segment, self.fields.part)?.as_ref() != Some(part) {
                continue;
            }
            let deleted: HashSet<DocId> = deleted.docs(segment)?.into_iter().collect();
            let is_kept = |doc: &DocId| !segment.is_deleted(*doc) && !deleted.contains(doc);
            if let Some(doc) = (0..segment.max_doc()).rev().find(is_kept) {
                return Ok(Some(DocAddress::new(ordinal, doc)));
            }
        }
        Ok(None)
    }
}
