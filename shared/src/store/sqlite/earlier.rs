//! The rows of earlier releases, which are in the catalogue's table of entries. They are moved to
//! the files of their days, oldest day first, while the store is used.
//!
//! A day is copied in chunks, and inserts continue. Then, while they wait, the rest is copied, and
//! the catalogue records that the day has been moved: from then on, its file has it. Only then are
//! its rows deleted from the catalogue, in chunks, once no read uses them. After a crash, a copy
//! that was not recorded is made again; rows that exist are not copied twice.
//!
//! The catalogue shrinks when the last day has been moved. Until then, its rows take space twice.

mod copy;
mod size;

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::copy::{Ids, copy};
use super::entry_file::{EntryFile, TABLE, classify};
use super::{Earlier, SqliteStore};
use crate::error::Result;
use crate::log_entry::{Day, EntryId};
use crate::retention::{Class, Part};
use crate::sqlite;
use crate::store::IdRange;

/// The number of rows that are deleted in a transaction.
const MAX_DELETED: u64 = 500;

/// The pause after an error.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// The pause while reads use rows that are to be deleted.
const READ_PAUSE: Duration = Duration::from_millis(100);

/// The pause while the disk does not have space for a copy.
const SPACE_PAUSE: Duration = Duration::from_mins(10);

/// A day that is being copied to its file.
pub(super) struct Moving {
    part: Part,
    /// The rows of the day up to this id have been copied, except for `late`.
    copied: Vec<u8>,
    /// Ids up to `copied` that have been inserted since.
    late: BTreeSet<EntryId>,
}

impl Moving {
    /// Whether this is the day that is being copied.
    pub(super) fn is_of(&self, part: &Part) -> bool {
        *part == self.part
    }

    /// Takes note of entries that are about to be inserted.
    pub(super) fn expect(&mut self, part: &Part, ids: impl Iterator<Item = EntryId>) {
        if self.is_of(part) {
            self.late.extend(ids.filter(|id| id.as_bytes()[..] <= self.copied[..]));
        }
    }
}

/// What follows a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Another one.
    Next,
    /// Another one, after this pause.
    NextAfter(Duration),
    /// None: every row has been moved.
    Done,
}

/// Moves the rows until all have been moved or the store is dropped. Takes at most half of the
/// time, so that other work continues.
pub(super) async fn run(store: Weak<SqliteStore>) {
    let mut is_moving = false;
    while let Some(open) = store.upgrade() {
        if !is_moving && open.catalogue.earlier().is_some() {
            tracing::info!("moving the entries of an earlier release to a file for each day");
            is_moving = true;
        }
        let start = Instant::now();
        let step = open.move_step().await;
        drop(open);
        match step {
            Ok(Step::Next) => sleep(start.elapsed()).await,
            Ok(Step::NextAfter(pause)) => sleep(pause).await,
            Ok(Step::Done) => break,
            Err(error) => {
                tracing::warn!(%error, "failed to move the entries of an earlier release; retrying");
                sleep(RETRY_PAUSE).await;
            }
        }
    }
    if is_moving && store.strong_count() > 0 {
        tracing::info!("moved the entries of an earlier release");
    }
}

impl SqliteStore {
    /// Does a small part of the move. After an error, the day is copied again.
    pub(super) async fn move_step(&self) -> Result<Step> {
        let step = self.try_step().await;
        if step.is_err() {
            self.writing.lock().await.moving = None;
        }
        step
    }

    async fn try_step(&self) -> Result<Step> {
        let is_read = self.catalogue.has_earlier_reads();
        if !is_read && self.delete_earlier(self.catalogue.first_unmoved()).await? {
            return Ok(Step::Next);
        }
        if self.catalogue.earlier().is_none() {
            if is_read {
                return Ok(Step::NextAfter(READ_PAUSE));
            }
            self.compact().await?;
            return Ok(Step::Done);
        }
        let writing = self.writing.lock().await;
        let moving = writing.moving.as_ref();
        let moving = moving.map(|moving| (moving.part.clone(), moving.copied.clone()));
        drop(writing);
        match moving {
            None => self.begin_move().await,
            Some((part, copied)) => self.continue_move(&part, copied).await,
        }
    }

    /// Begins to move the first day, or records that there is none.
    async fn begin_move(&self) -> Result<Step> {
        if !self.has_space_for_copy().await? {
            tracing::warn!(
                "the disk lacks space to move the entries of an earlier release; waiting"
            );
            return Ok(Step::NextAfter(SPACE_PAUSE));
        }
        let mut writing = self.writing.lock().await;
        let Some(earlier) = self.catalogue.earlier() else { return Ok(Step::Next) };
        let Some(day) = self.first_day_of(&earlier).await? else {
            let last = earlier.last;
            drop(earlier);
            self.catalogue.set_first_unmoved(last.next()).await?;
            return Ok(Step::Next);
        };
        let part = Part { day, class: Class::DEFAULT };
        self.files.get_or_create(&part).await?;
        let copied = IdRange::of_day(day).bounds().0;
        writing.moving = Some(Moving { part, copied, late: BTreeSet::new() });
        Ok(Step::Next)
    }

    /// Copies the next rows of the day.
    async fn continue_move(&self, part: &Part, copied: Vec<u8>) -> Result<Step> {
        let (_, end) = IdRange::of_day(part.day).bounds();
        let Some(until) = copy::chunk_end(self.catalogue.file(), &copied, &end).await? else {
            return self.finish_move(part).await;
        };
        // No insert runs now: all that were are part of the copy, and later ones are noted.
        if let Some(moving) = &mut self.writing.lock().await.moving {
            moving.copied.clone_from(&until);
        }
        self.copy(part, &[Ids::Range(copied, until)]).await?;
        Ok(Step::Next)
    }

    /// Copies what is left of the day while inserts wait. From then on, its file has the day.
    async fn finish_move(&self, part: &Part) -> Result<Step> {
        let mut writing = self.writing.lock().await;
        let Some(Moving { copied, late, .. }) = writing.moving.take() else {
            return Ok(Step::Next);
        };
        let Some(earlier) = self.catalogue.earlier() else { return Ok(Step::Next) };
        if self.first_day_of(&earlier).await? != Some(part.day) {
            // The day has been dropped, or an entry of an earlier day has been inserted.
            return Ok(Step::Next);
        }
        let (start, mut end) = IdRange::of_day(part.day).bounds();
        let (_, all) = IdRange::ALL.bounds();
        if self.catalogue.file().first_row((end.clone(), all.clone())).await?.is_none() {
            end = all;
        }
        // The range before the day has no entries, but it may have damaged rows.
        let before = Ids::Range(self.before_earlier(&earlier), start);
        let late = late.into_iter().map(Ids::One);
        let ids: Vec<Ids> = [before, Ids::Range(copied, end)].into_iter().chain(late).collect();
        self.copy(part, &ids).await?;
        drop(earlier);
        self.catalogue.set_first_unmoved(part.day.next()).await?;
        Ok(Step::Next)
    }

    async fn copy(&self, part: &Part, ids: &[Ids]) -> Result<()> {
        let file = self.files.get_or_create(part).await?;
        let entries = copy(self.catalogue.path(), &file, ids).await?;
        self.files.add_entries(part, entries);
        Ok(())
    }

    /// The ids of the rows that have not been moved or dropped are greater than this one.
    pub(super) fn before_earlier(&self, earlier: &Earlier) -> Vec<u8> {
        let kept = self.catalogue.first_day(&Class::DEFAULT);
        let first = kept.map_or(earlier.first, |kept| kept.max(earlier.first));
        IdRange::of_days(Some(first), None).bounds().0
    }

    /// The first day that has rows of earlier releases.
    async fn first_day_of(&self, earlier: &Earlier) -> Result<Option<Day>> {
        let (_, all) = IdRange::ALL.bounds();
        let first = self.catalogue.file().first_row((self.before_earlier(earlier), all)).await?;
        Ok(first.map(Day::of))
    }

    /// Deletes some of the rows in the catalogue that arrived before the day. Returns whether there
    /// may be more.
    pub(super) async fn delete_earlier(&self, before: Day) -> Result<bool> {
        let (until, _) = IdRange::of_days(Some(before), None).bounds();
        let file: &Arc<EntryFile> = self.catalogue.file();
        let mut writer = file.writer().await;
        let mut connection = writer.take().await.map_err(classify)?;
        let delete = format!(
            "DELETE FROM {TABLE} WHERE id IN
             (SELECT id FROM {TABLE} WHERE id <= ? ORDER BY id LIMIT {MAX_DELETED})"
        );
        let delete = sqlx::query(sqlx::AssertSqlSafe(delete)).bind(until);
        let deleted = delete.execute(&mut connection).await.map_err(classify)?.rows_affected();
        writer.put_back(connection);
        Ok(deleted == MAX_DELETED)
    }

    /// Frees the space of rows that have been deleted from the catalogue, except for what is
    /// reserved. Hardly any rows are left, so this is fast.
    async fn compact(&self) -> Result<()> {
        let mut writer = self.catalogue.file().writer().await;
        let mut connection = writer.take().await.map_err(classify)?;
        if sqlite::has_unused_space(&mut connection).await.map_err(classify)? {
            sqlx::raw_sql("VACUUM").execute(&mut connection).await.map_err(classify)?;
            sqlite::checkpoint(&mut connection).await.map_err(classify)?;
        }
        writer.put_back(connection);
        Ok(())
    }
}
