//! Inserts a batch: one transaction for each part that it has entries of, usually one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::super::IdRange;
use super::SqliteStore;
use super::entry_file::Inserted;
use crate::error::{Refusal, Refused, Result};
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::retention::{Class, Part};

/// The entries of a batch by part, each with its position in the batch.
type Groups<'e> = BTreeMap<Part, Vec<(usize, &'e LogEntry)>>;

impl SqliteStore {
    /// Inserts the entries. No other insert runs meanwhile, no day is dropped, and none changes its
    /// place.
    pub(super) async fn insert_batch(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let mut writing = self.writing.lock().await;
        let mut groups = Groups::new();
        let mut refused = Vec::new();
        let mut expired = BTreeSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let part = Part::of(entry);
            if self.catalogue.is_dropped(&part.class, part.day) {
                refused.push(Refused { index, reason: Refusal::Expired });
                expired.insert(part);
            } else {
                groups.entry(part).or_default().push((index, entry));
            }
        }
        for Part { day, class } in expired {
            self.catalogue.set_dropped(&class, day).await?;
        }
        self.refuse_stored_elsewhere(&mut groups, &mut refused).await?;
        refuse_later_classes(&mut groups, &mut refused);
        for (part, group) in groups.iter().filter(|(_, group)| !group.is_empty()) {
            if let Some(moving) = &mut writing.moving {
                moving.expect(part, group.iter().map(|(_, entry)| entry.id));
            }
            let entries: Vec<&LogEntry> = group.iter().map(|(_, entry)| *entry).collect();
            let not_inserted = self.insert_group(part, &entries).await?;
            refused.extend(
                not_inserted
                    .into_iter()
                    .map(|Refused { index, reason }| Refused { index: group[index].0, reason }),
            );
        }
        refused.sort_unstable_by_key(|refused| refused.index);
        Ok(refused)
    }

    async fn insert_group(&self, part: &Part, entries: &[&LogEntry]) -> Result<Vec<Refused>> {
        if self.earlier_of(part).is_some() {
            return Ok(self.catalogue.file().insert(entries).await?.refused);
        }
        self.catalogue.add_class(&part.class).await?;
        let file = self.files.get_or_create(part).await?;
        let Inserted { rows, refused } = file.insert(entries).await?;
        self.files.add_entries(part, rows.cast_signed());
        Ok(refused)
    }

    /// Refuses entries whose id is stored in another class.
    async fn refuse_stored_elsewhere(
        &self,
        groups: &mut Groups<'_>,
        refused: &mut Vec<Refused>,
    ) -> Result<()> {
        for (part, group) in groups {
            for class in self.classes_of(part.day).into_iter().filter(|one| *one != part.class) {
                let other = Part { day: part.day, class };
                let stored = self.stored(&other, group).await?;
                refuse(group, refused, |id| stored.contains(&id));
            }
        }
        Ok(())
    }

    /// The ids of the group that another part has.
    async fn stored(&self, other: &Part, group: &[(usize, &LogEntry)]) -> Result<HashSet<EntryId>> {
        let Some(table) = self.table(other).await? else { return Ok(HashSet::new()) };
        // Most ids are greater than those that are stored.
        let last = table.file.last_row(IdRange::of_day(other.day).bounds()).await?;
        let ids = group.iter().map(|(_, entry)| entry.id).filter(|id| Some(*id) <= last);
        let ids: Vec<EntryId> = ids.collect();
        let stored = table.file.look_up(&ids).await?;
        Ok(stored.into_iter().map(|(id, _)| id).collect())
    }

    /// The classes that may have entries of the day.
    pub(super) fn classes_of(&self, day: Day) -> BTreeSet<Class> {
        let mut classes: BTreeSet<Class> = self.files.classes(day).into_iter().collect();
        if self.earlier_of(&Part { day, class: Class::DEFAULT }).is_some() {
            classes.insert(Class::DEFAULT);
        }
        classes
    }
}

/// Refuses entries whose id an entry of another class has that comes earlier in the batch.
fn refuse_later_classes(groups: &mut Groups<'_>, refused: &mut Vec<Refused>) {
    if groups.len() < 2 {
        return;
    }
    let mut first: HashMap<EntryId, (usize, Class)> = HashMap::new();
    for (part, group) in &*groups {
        for (index, entry) in group {
            let (known, class) =
                first.entry(entry.id).or_insert_with(|| (*index, part.class.clone()));
            if index < known {
                (*known, *class) = (*index, part.class.clone());
            }
        }
    }
    for (part, group) in groups {
        refuse(group, refused, |id| first.get(&id).is_some_and(|(_, class)| *class != part.class));
    }
}

/// Moves entries from the group to those that are refused.
fn refuse(
    group: &mut Vec<(usize, &LogEntry)>,
    refused: &mut Vec<Refused>,
    is_duplicate: impl Fn(EntryId) -> bool,
) {
    group.retain(|(index, entry)| {
        let is_duplicate = is_duplicate(entry.id);
        if is_duplicate {
            refused.push(Refused { index: *index, reason: Refusal::Duplicate });
        }
        !is_duplicate
    });
}
