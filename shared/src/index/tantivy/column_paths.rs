//! Decides which attributes have columns: on each day of arrival, the first paths to appear, up to
//! a maximum. All others support only equality. This bounds the number of columns.
//!
//! The decisions are stored in the index itself. The entry that introduces a path on a day has a
//! term for that day and path. The first entry with a path beyond the maximum has a term that marks
//! the day as full. No further path is introduced on that day, even if the maximum is raised.

use std::collections::{BTreeSet, HashMap, HashSet};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

use crate::log_entry::{Day, EntryId};

/// The first byte of a term that marks a full day. The first byte of a day is far smaller.
const FULL: u8 = 0xff;

/// The paths that have columns on the days of recent batches.
pub(super) struct ColumnPaths {
    max_paths: usize,
    days: HashMap<Day, Paths>,
}

#[derive(Default)]
struct Paths {
    known: HashSet<String>,
    is_full: bool,
}

/// Whether an attribute has a column.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It has a column.
    Column,
    /// It has a column from now on. The entry must have this term.
    NewColumn(Vec<u8>),
    /// It has no column.
    None,
    /// It has no column, and neither will further paths. The entry must have this term.
    DayIsFull(Vec<u8>),
}

impl ColumnPaths {
    pub(super) fn new(max_paths: usize) -> Self {
        Self { max_paths, days: HashMap::new() }
    }

    /// Loads the paths of the id's day from the index, unless they are already loaded.
    pub(super) fn load(
        &mut self,
        searcher: &Searcher,
        field: Field,
        id: EntryId,
    ) -> tantivy::Result<()> {
        let day = Day::of(id);
        if self.days.contains_key(&day) {
            return Ok(());
        }
        let mut paths = Paths::default();
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(field)?;
            paths.is_full |= index.terms().get(full_day_term(day))?.is_some();
            let range = index.terms().range().ge(day.to_bytes()).lt(day.next().to_bytes());
            let mut terms = range.into_stream()?;
            while terms.advance() {
                let path = String::from_utf8_lossy(&terms.key()[day.to_bytes().len()..]);
                paths.known.insert(path.into_owned());
            }
        }
        self.days.insert(day, paths);
        Ok(())
    }

    /// Decides whether an attribute of the entry with this id has a column. The day must be loaded.
    pub(super) fn decide(&mut self, id: EntryId, path: &str) -> Decision {
        let day = Day::of(id);
        let paths = self.days.entry(day).or_default();
        if paths.known.contains(path) {
            return Decision::Column;
        }
        if paths.is_full {
            return Decision::None;
        }
        if paths.known.len() >= self.max_paths {
            paths.is_full = true;
            return Decision::DayIsFull(full_day_term(day));
        }
        paths.known.insert(path.to_owned());
        Decision::NewColumn(path_term(day, path))
    }
}

/// The paths that have columns on any day, sorted.
pub(super) fn all(searcher: &Searcher, field: Field) -> tantivy::Result<Vec<String>> {
    let mut paths = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(field)?;
        let mut terms = index.terms().range().lt([FULL]).into_stream()?;
        while terms.advance() {
            if let Some((_, path)) = terms.key().split_first_chunk::<{ Day::BYTES }>() {
                paths.insert(String::from_utf8_lossy(path).into_owned());
            }
        }
    }
    Ok(paths.into_iter().collect())
}

/// The days on which the path may have attributes without a column.
pub(super) fn days_without_column(
    searcher: &Searcher,
    field: Field,
    path: &str,
) -> tantivy::Result<BTreeSet<Day>> {
    let mut days = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(field)?;
        let mut terms = index.terms().range().ge([FULL]).into_stream()?;
        while terms.advance() {
            if let Ok(day) = terms.key()[1..].try_into() {
                days.insert(Day::from_bytes(day));
            }
        }
    }
    let mut without = BTreeSet::new();
    for day in days {
        let term = Term::from_field_bytes(field, &path_term(day, path));
        if searcher.doc_freq(&term)? == 0 {
            without.insert(day);
        }
    }
    Ok(without)
}

/// The name of a path's column within its field. It contains no characters with a special meaning
/// in tantivy, such as the dot.
pub(super) fn column_name(path: &str) -> String {
    if path.is_empty() {
        return "%".to_owned();
    }
    utf8_percent_encode(path, NON_ALPHANUMERIC).to_string()
}

fn path_term(day: Day, path: &str) -> Vec<u8> {
    [&day.to_bytes(), path.as_bytes()].concat()
}

fn full_day_term(day: Day) -> Vec<u8> {
    [&[FULL][..], &day.to_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::{Arrival, Timestamp};

    fn id(time: &str) -> EntryId {
        Arrival::new(Timestamp::parse(time).unwrap()).id(0)
    }

    #[test]
    fn the_first_paths_of_each_day_have_columns() {
        let mut paths = ColumnPaths::new(1);
        let (monday, tuesday) = (id("2024-06-10T23:59:59Z"), id("2024-06-11T00:00:00Z"));
        assert!(matches!(paths.decide(monday, "a"), Decision::NewColumn(_)));
        assert_eq!(paths.decide(monday, "a"), Decision::Column);
        assert!(matches!(paths.decide(monday, "b"), Decision::DayIsFull(_)));
        assert_eq!(paths.decide(monday, "b"), Decision::None);
        assert_eq!(paths.decide(monday, "a"), Decision::Column);
        assert!(matches!(paths.decide(tuesday, "b"), Decision::NewColumn(_)));
    }

    #[test]
    fn no_path_has_a_column_if_the_maximum_is_zero() {
        let mut paths = ColumnPaths::new(0);
        let monday = id("2024-06-10T00:00:00Z");
        assert!(matches!(paths.decide(monday, "a"), Decision::DayIsFull(_)));
        assert_eq!(paths.decide(monday, "a"), Decision::None);
    }
}
