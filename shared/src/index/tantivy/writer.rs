//! Adds entries to the folder: each batch is one durable commit.
//! An entry whose id is there already is left out, so that whatever comes twice is kept once.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::IndexRecordOption;
use tantivy::{Directory, Index};
use tantivy::{DocSet, IndexReader, IndexWriter, Searcher, SegmentReader, TERMINATED, Term};

use super::schema::{Columns, Fields, halves};
use crate::log_entry::{EntryId, LogEntry};

/// What one batch may take in memory before it is written as more than one segment.
const MEMORY_BUDGET_BYTES: usize = 30_000_000;

/// Segments above are not merged again: that bounds how long a merge takes.
const MAX_ENTRIES_BEFORE_MERGE: usize = 500_000;

/// Segments whose sizes differ by less than four times (in bits) are merged with each other.
const MERGE_LEVEL_BITS: f64 = 2.0;

/// The one writer of the folder.
pub(super) struct Writer {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    /// Empty before the first batch and after a failure. Whoever adds takes it and puts it back.
    slot: Mutex<Option<IndexWriter>>,
    has_failed: AtomicBool,
}

impl Writer {
    /// A writer that opens the folder for writing with the first batch.
    pub(super) fn new(index: Index, reader: IndexReader, fields: Fields) -> Self {
        Self { index, reader, fields, slot: Mutex::new(None), has_failed: AtomicBool::new(false) }
    }

    /// Whether the last batch could not be added.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Adds the entries that are new. They are durable, and `reader` sees them, on return.
    pub(super) fn add(&self, entries: &[LogEntry]) -> tantivy::Result<()> {
        // A panic left the slot empty, which is a good state.
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.add_with(&mut slot, entries);
        self.has_failed.store(result.is_err(), Ordering::Relaxed);
        result
    }

    fn add_with(
        &self,
        slot: &mut Option<IndexWriter>,
        entries: &[LogEntry],
    ) -> tantivy::Result<()> {
        let mut writer = match slot.take() {
            Some(writer) => writer,
            None => self.open()?,
        };
        match self.write(&mut writer, entries) {
            Ok(()) => *slot = Some(writer),
            Err(error) => {
                // A writer that failed is never used again. Its merges end first: they write the
                // list of segments, and the next writer must be the only one to do so.
                if let Err(merge) = writer.wait_merging_threads() {
                    tracing::debug!(error = %merge, "a merge ended with the writer that failed");
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn open(&self) -> tantivy::Result<IndexWriter> {
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
        // A commit that failed half way may be in the folder, unseen as yet.
        self.reader.reload()?;
        Ok(writer)
    }

    fn write(&self, writer: &mut IndexWriter, entries: &[LogEntry]) -> tantivy::Result<()> {
        let fresh = new_entries(&self.reader.searcher(), &self.fields, entries)?;
        if fresh.is_empty() {
            return Ok(());
        }
        let sent = fresh
            .into_iter()
            .try_for_each(|entry| writer.add_document(self.fields.document(entry)).map(drop));
        // If the worker died, this says why; `sent` only says that it is gone.
        let prepared = writer.prepare_commit()?;
        sent?;
        prepared.commit()?;
        // tantivy renames the list of segments into place and leaves the rename to the system.
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
    let mut fresh: Vec<&LogEntry> = entries.iter().filter(|entry| seen.insert(entry.id)).collect();
    for segment in searcher.segment_readers() {
        let columns = Columns::of(segment)?;
        let mut known = HashSet::new();
        for entry in &fresh {
            if holds(segment, &columns, fields, entry.id)? {
                known.insert(entry.id);
            }
        }
        if !known.is_empty() {
            fresh.retain(|entry| !known.contains(&entry.id));
        }
    }
    Ok(fresh)
}

/// Whether the segment holds the id. New ids are greater than all before them, so that for nearly
/// every segment its bounds answer.
fn holds(
    segment: &SegmentReader,
    columns: &Columns,
    fields: &Fields,
    id: EntryId,
) -> tantivy::Result<bool> {
    let (high, low) = halves(id);
    if !columns.may_hold(high) {
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
