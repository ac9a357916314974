//! Adds entries to the directory. Each batch is one durable commit.
//! Entries whose id is already indexed are skipped, which makes adding idempotent.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::IndexRecordOption;
use tantivy::{Directory, Index};
use tantivy::{DocSet, IndexReader, IndexWriter, Searcher, SegmentReader, TERMINATED, Term};

use super::column_paths::ColumnPaths;
use super::document::document;
use super::schema::{Columns, Fields, id_halves};
use crate::log_entry::{EntryId, LogEntry};

/// Memory for a batch. A larger batch is written as several segments.
const MEMORY_BUDGET_BYTES: usize = 30_000_000;

/// Larger segments are not merged again, which bounds the duration of a merge.
const MAX_ENTRIES_BEFORE_MERGE: usize = 500_000;

/// Segments are merged with each other when their sizes differ by less than a factor of four.
const MERGE_LEVEL_BITS: f64 = 2.0;

/// The state that is kept between batches, unless one fails.
struct Session {
    writer: IndexWriter,
    paths: ColumnPaths,
}

/// The only writer of the directory.
pub(super) struct Writer {
    index: Index,
    reader: IndexReader,
    fields: Fields,
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
        // A panic leaves the slot empty, which is a valid state.
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.add_with(&mut slot, entries);
        self.has_failed.store(result.is_err(), Ordering::Relaxed);
        result
    }

    fn add_with(&self, slot: &mut Option<Session>, entries: &[LogEntry]) -> tantivy::Result<()> {
        let mut session = match slot.take() {
            Some(session) => session,
            None => self.open()?,
        };
        match self.write(&mut session, entries) {
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
        let mut policy = LogMergePolicy::default();
        policy.set_max_docs_before_merge(MAX_ENTRIES_BEFORE_MERGE);
        policy.set_level_log_size(MERGE_LEVEL_BITS);
        writer.set_merge_policy(Box::new(policy));
        // A commit that failed halfway may be in the directory but not yet in the reader.
        self.reader.reload()?;
        Ok(Session { writer, paths: ColumnPaths::new(self.attributes_max) })
    }

    fn write(&self, session: &mut Session, entries: &[LogEntry]) -> tantivy::Result<()> {
        let searcher = self.reader.searcher();
        let new = new_entries(&searcher, &self.fields, entries)?;
        if new.is_empty() {
            return Ok(());
        }
        let Session { writer, paths } = session;
        for entry in &new {
            paths.load(&searcher, self.fields.column_paths, entry.id)?;
        }
        let sent = new.into_iter().try_for_each(|entry| {
            writer.add_document(document(&self.fields, paths, entry)).map(drop)
        });
        // If the indexing thread has failed, this error has the cause; `sent` only has the symptom.
        let prepared = writer.prepare_commit()?;
        sent?;
        prepared.commit()?;
        // tantivy renames the list of segments into place but does not sync the directory.
        self.index.directory().sync_directory()?;
        self.reader.reload()
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
            if contains(segment, &columns, fields, entry.id)? {
                known.insert(entry.id);
            }
        }
        if !known.is_empty() {
            new.retain(|entry| !known.contains(&entry.id));
        }
    }
    Ok(new)
}

/// Whether the segment contains the id. New ids are usually greater than all earlier ones, so a
/// segment's bounds rule out nearly all of them.
fn contains(
    segment: &SegmentReader,
    columns: &Columns,
    fields: &Fields,
    id: EntryId,
) -> tantivy::Result<bool> {
    let (high, low) = id_halves(id);
    if !columns.may_contain(high) {
        return Ok(false);
    }
    let term = Term::from_field_u64(fields.id_high, high);
    let inverted_index = segment.inverted_index(fields.id_high)?;
    let Some(mut docs) = inverted_index.read_postings(&term, IndexRecordOption::Basic)? else {
        return Ok(false);
    };
    while docs.doc() != TERMINATED {
        if columns.id(docs.doc()).1 == low {
            return Ok(true);
        }
        docs.advance();
    }
    Ok(false)
}
