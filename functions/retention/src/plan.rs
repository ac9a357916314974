//! What is kept, and what will be dropped next.

use std::collections::{BTreeMap, BTreeSet};

use shared::log_entry::Day;
use shared::retention::{Class, Keep, Part, Retention};
use shared::store::StoredDay;

/// What is kept.
#[derive(Debug)]
pub struct Plan {
    /// How long each class is kept.
    pub retention: Retention,
    /// The days that the store has, in no particular order.
    pub kept: Vec<StoredDay>,
    /// The days that only the store or only the index has, and which of them.
    pub(crate) differences: BTreeMap<Part, Only>,
}

/// What has a day that the other one does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    Store,
    Index,
}

impl Plan {
    pub(crate) fn new(retention: Retention) -> Self {
        Self { retention, kept: Vec::new(), differences: BTreeMap::new() }
    }

    /// Adds the days of a class. The entries of today and yesterday may still be on their way to the
    /// index, so these days are not compared. The index may or may not list a day of which all
    /// entries have been deleted.
    pub(crate) fn add(
        &mut self,
        class: &Class,
        stored: Vec<StoredDay>,
        indexed: &BTreeSet<Day>,
        today: Day,
    ) {
        let days: BTreeSet<Day> = stored.iter().map(|one| one.day).collect();
        let only_indexed = indexed.difference(&days).map(|day| (*day, Only::Index));
        let with_entries = stored.iter().filter(|one| one.entries > 0).map(|one| one.day);
        let only_stored = with_entries.filter(|day| !indexed.contains(day));
        for (day, only) in only_indexed.chain(only_stored.map(|day| (day, Only::Store))) {
            if day.next() < today {
                self.differences.insert(Part { day, class: class.clone() }, only);
            }
        }
        self.kept.extend(stored);
    }

    /// Logs what is dropped next of each class, and what needs someone's attention.
    pub(crate) fn announce(&self, today: Day, is_configured: bool) {
        if !is_configured && self.retention.keep(&Class::DEFAULT) == Some(Keep::Forever) {
            tracing::warn!(
                "RETENTION is not set, so the entries of an earlier release are kept forever; set it, \
                 for example RETENTION=30d"
            );
        }
        let classes: BTreeSet<&Class> = self.kept.iter().map(|one| &one.class).collect();
        for class in classes {
            let Some(keep) = self.retention.keep(class) else {
                tracing::warn!(
                    %class,
                    "RETENTION has no rule for entries that were accepted with this rule; they are \
                     kept until it has one again"
                );
                continue;
            };
            let days = self.kept.iter().filter(|one| one.class == *class);
            let Some(oldest) = days.min_by_key(|one| one.day) else { continue };
            let StoredDay { day, entries, .. } = oldest;
            if let Some(last) = keep.last_day(*day) {
                let on = last.max(today).next();
                tracing::info!(%class, %keep, oldest = %day, entries, %on, "next day to drop");
            } else {
                tracing::info!(%class, %keep, oldest = %day, "no day to drop");
            }
        }
        for (part, only) in &self.differences {
            let problem = match only {
                Only::Store => "the index has no entries of a day that the store has; reindex it",
                Only::Index => "the store has no entries of a day that the index has; reindex it",
            };
            tracing::warn!(class = %part.class, day = %part.day, problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_deleted_entries_is_not_missing_from_the_index() {
        let [day, today]: [Day; 2] = ["2024-06-01", "2024-06-06"].map(|day| day.parse().unwrap());
        let class = Class::DEFAULT;
        let stored = |entries| StoredDay { class: class.clone(), day, entries, bytes: 1 };
        for (stored, is_indexed, expected) in [
            (Some(stored(1)), true, None),
            (Some(stored(1)), false, Some(Only::Store)),
            (Some(stored(0)), true, None),
            (Some(stored(0)), false, None),
            (None, true, Some(Only::Index)),
        ] {
            let mut plan = Plan::new("5d".parse().unwrap());
            let indexed = is_indexed.then_some(day).into_iter().collect();
            plan.add(&class, stored.clone().into_iter().collect(), &indexed, today);
            let found = plan.differences.values().next().copied();
            assert_eq!(found, expected, "{stored:?}, {is_indexed}");
        }
    }
}
