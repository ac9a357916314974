//! Deletes entries, and finds out which have been deleted.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::SqliteStore;
use crate::error::Result;
use crate::log_entry::{Day, EntryId};
use crate::retention::Part;
use crate::store::Stored;

impl SqliteStore {
    /// Deletes the entries: one transaction for each file. No insert runs meanwhile, no day is
    /// dropped, and none changes its place.
    pub(super) async fn delete_entries(&self, ids: &[EntryId]) -> Result<u64> {
        let writing = self.writing.lock().await;
        // The number increases before the commit, because the future may be dropped after it. A
        // consumer that has stored an entry, which needs the lock, reads the number once it has
        // indexed the entry. If it finds no change, or the entry not deleted yet, the entry is in the
        // index, from which the caller deletes it after the commit.
        self.deletions.fetch_add(1, Ordering::SeqCst);
        let mut deleted = 0;
        for (part, ids) in self.parts_of(ids) {
            let Some(table) = self.table(&part).await? else { continue };
            let is_earlier = self.earlier_of(&part).is_some();
            let rows = table.file.delete(&ids).await?;
            if !is_earlier {
                self.files.add_entries(&part, -rows.cast_signed());
            } else if writing.moving.as_ref().is_some_and(|moving| moving.is_of(&part)) {
                // Rows that have been copied are not copied again.
                self.files.get_or_create(&part).await?.delete(&ids).await?;
            }
            deleted += rows;
        }
        Ok(deleted)
    }

    pub(super) async fn look_up(&self, ids: &[EntryId]) -> Result<BTreeMap<EntryId, Stored>> {
        let mut stored = BTreeMap::new();
        for (part, ids) in self.parts_of(ids) {
            let Some(table) = self.table(&part).await? else { continue };
            for (id, is_deleted) in table.file.look_up(&ids).await? {
                stored.insert(id, Stored { class: part.class.clone(), is_deleted });
            }
        }
        Ok(stored)
    }

    /// The parts that may have entries with these ids.
    fn parts_of(&self, ids: &[EntryId]) -> Vec<(Part, Vec<EntryId>)> {
        let mut days = BTreeMap::<Day, Vec<EntryId>>::new();
        for id in ids {
            days.entry(Day::of(*id)).or_default().push(*id);
        }
        let mut parts = Vec::new();
        for (day, ids) in days {
            let classes = self.classes_of(day).into_iter();
            parts.extend(classes.map(|class| (Part { day, class }, ids.clone())));
        }
        parts
    }
}
