//! Adds entries to the directory. A batch is one durable commit for each class and day.
//! Entries whose id is already indexed are skipped, which makes adding idempotent. The
//! [`deleting`](super::deleting) module deletes entries.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tantivy::indexer::IndexWriterOptions;
use tantivy::{Directory, Index};
use tantivy::{IndexReader, IndexWriter, Searcher, Term};

use super::column_paths::{ColumnPaths, PartPaths};
use super::document::document;
use super::parts::{self, PartMergePolicy};
use super::query::id::each_doc;
use super::schema::{Columns, Fields};
use crate::log_entry::{Day, LogEntry};
use crate::retention::{Class, Part};

/// Memory for a batch. A larger batch is written as several segments.
const MEMORY_BUDGET_BYTES: usize = 30_000_000;

/// The state that is kept between batches, unless one fails.
pub(super) struct Session {
    pub(super) writer: IndexWriter,
    merges: PartMergePolicy,
    pub(super) paths: ColumnPaths,
}

/// The only writer of the directory.
pub(super) struct Writer {
    index: Index,
    pub(super) reader: IndexReader,
    pub(super) fields: Fields,
    /// The number of attributes that have columns on each day.
    attributes_max: usize,
    /// Empty before the first batch and after a failure.
    slot: Mutex<Option<Session>>,
    has_failed: AtomicBool,
}

impl Writer {
    /// A writer that opens the directory for writing on the first batch.
    pub(super) fn new(
        index: Index,
        reader: IndexReader,
        fields: Fields,
        attributes_max: usize,
    ) -> Self {
        let (slot, has_failed) = (Mutex::new(None), AtomicBool::new(false));
        Self { index, reader, fields, attributes_max, slot, has_failed }
    }

    /// Whether the last batch failed.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Adds the entries that are new. On return they are durable and visible to `reader`.
    pub(super) fn add(&self, entries: &[LogEntry]) -> tantivy::Result<()> {
        let result = self.with_session(|session| self.write(session, entries));
        self.has_failed.store(result.is_err(), Ordering::Relaxed);
        result
    }

    /// Drops the days of the class before `first`, and deletes their files.
    pub(super) fn drop_before(&self, class: &Class, first: Day) -> tantivy::Result<()> {
        self.with_session(|session| {
            let mut dropped = session.merges.parts();
            dropped.retain(|part| part.class == *class && part.day < first);
            if dropped.is_empty() {
                return Ok(());
            }
            for part in &dropped {
                session.paths.forget(part);
                let term = Term::from_field_bytes(self.fields.part, &parts::term(part));
                session.writer.delete_term(term);
            }
            // All entries of their segments are deleted, so tantivy drops the segments.
            session.writer.commit()?;
            self.publish(session)?;
            session.writer.garbage_collect_files().wait()?;
            Ok(())
        })
    }

    pub(super) fn with_session(
        &self,
        work: impl FnOnce(&mut Session) -> tantivy::Result<()>,
    ) -> tantivy::Result<()> {
        // A panic leaves the slot empty, which is a valid state.
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let mut session = match slot.take() {
            Some(session) => session,
            None => self.open()?,
        };
        match work(&mut session) {
            Ok(()) => *slot = Some(session),
            Err(error) => {
                // A failed writer is not reused. Wait for its merges: they write the list of
                // segments, which only one writer at a time may do.
                if let Err(merge) = session.writer.wait_merging_threads() {
                    tracing::debug!(error = %merge, "failed to finish the merges of a failed writer");
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn open(&self) -> tantivy::Result<Session> {
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(MEMORY_BUDGET_BYTES)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer = self.index.writer_with_options(options)?;
        // A writer that failed, or a killed process, may have left files with the names of new ones.
        if let Err(error) = writer.garbage_collect_files().wait() {
            tracing::debug!(%error, "failed to remove unused files");
        }
        let merges = PartMergePolicy::default();
        writer.set_merge_policy(Box::new(merges.clone()));
        // A commit that failed halfway may be in the directory but not yet in the reader.
        self.reader.reload()?;
        merges.learn(&self.reader.searcher(), self.fields.part)?;
        Ok(Session { writer, merges, paths: ColumnPaths::new(self.attributes_max) })
    }

    fn write(&self, session: &mut Session, entries: &[LogEntry]) -> tantivy::Result<()> {
        let searcher = self.reader.searcher();
        let new = new_entries(&searcher, &self.fields, entries)?;
        if new.is_empty() {
            return Ok(());
        }
        let mut parts = BTreeMap::<Part, Vec<&LogEntry>>::new();
        for entry in new {
            parts.entry(Part::of(entry)).or_default().push(entry);
        }
        for (part, entries) in parts {
            let Session { writer, paths, .. } = &mut *session;
            let paths = paths.of(&part, &searcher, self.fields.column_paths)?;
            self.commit(writer, paths, &parts::term(&part), &entries)?;
        }
        self.publish(session)
    }

    /// Adds entries of one part, in segments of their own.
    fn commit(
        &self,
        writer: &mut IndexWriter,
        paths: &mut PartPaths,
        part: &[u8],
        entries: &[&LogEntry],
    ) -> tantivy::Result<()> {
        let sent = entries.iter().try_for_each(|entry| {
            writer.add_document(document(&self.fields, paths, part, entry)).map(drop)
        });
        // If the indexing thread has failed, this error has the cause; `sent` only has the symptom.
        let prepared = writer.prepare_commit()?;
        sent?;
        prepared.commit()?;
        Ok(())
    }

    /// Makes commits durable and visible.
    pub(super) fn publish(&self, session: &Session) -> tantivy::Result<()> {
        // tantivy renames the list of segments into place but does not sync the directory.
        self.index.directory().sync_directory()?;
        self.reader.reload()?;
        session.merges.learn(&self.reader.searcher(), self.fields.part)
    }
}

/// The entries whose id is neither in the index nor earlier in the slice.
fn new_entries<'a>(
    searcher: &Searcher,
    fields: &Fields,
    entries: &'a [LogEntry],
) -> tantivy::Result<Vec<&'a LogEntry>> {
    let mut seen = HashSet::with_capacity(entries.len());
    let mut new: Vec<&LogEntry> = entries.iter().filter(|entry| seen.insert(entry.id)).collect();
    for segment in searcher.segment_readers() {
        let columns = Columns::open(segment)?;
        let mut known = HashSet::new();
        for entry in &new {
            each_doc(segment, &columns, fields, entry.id, |doc| {
                if !segment.is_deleted(doc) {
                    known.insert(entry.id);
                }
            })?;
        }
        if !known.is_empty() {
            new.retain(|entry| !known.contains(&entry.id));
        }
    }
    Ok(new)
}
