//! Decides which attributes have columns: in the entries of each class and day, the first paths to
//! appear, up to a maximum. All others support only equality. This bounds the number of columns.
//!
//! The decisions are stored in the index itself, so that they are dropped with their part. The entry
//! that introduces a path in a part has a term for that part and path. The first entry with a path
//! beyond the maximum has a term that marks the part as full. No further path is introduced in that
//! part, even if the maximum is raised.

use std::collections::{BTreeSet, HashMap, HashSet};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

use crate::log_entry::Day;
use crate::retention::{Class, Part};

/// The first byte of a term that marks a full part. The first byte of a day is far smaller.
const FULL: u8 = 0xff;

/// The paths that have columns in the parts of recent batches.
pub(super) struct ColumnPaths {
    max_paths: usize,
    parts: HashMap<Part, PartPaths>,
}

/// The paths that have columns in a part.
pub(super) struct PartPaths {
    max_paths: usize,
    /// The beginning of the terms for the part's paths.
    prefix: Prefix,
    known: HashSet<String>,
    is_full: bool,
}

/// A day and the id of a class.
type Prefix = [u8; PREFIX_BYTES];

const PREFIX_BYTES: usize = Day::BYTES + Class::ID_BYTES;

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
    PartIsFull(Vec<u8>),
}

impl ColumnPaths {
    pub(super) fn new(max_paths: usize) -> Self {
        Self { max_paths, parts: HashMap::new() }
    }

    /// The paths of the part. Loads them from the index, unless they are already loaded.
    pub(super) fn of(
        &mut self,
        part: &Part,
        searcher: &Searcher,
        field: Field,
    ) -> tantivy::Result<&mut PartPaths> {
        let paths = match self.parts.remove(part) {
            Some(paths) => paths,
            None => PartPaths::load(part, self.max_paths, searcher, field)?,
        };
        Ok(self.parts.entry(part.clone()).or_insert(paths))
    }

    /// Forgets a part that has been dropped.
    pub(super) fn forget(&mut self, part: &Part) {
        self.parts.remove(part);
    }
}

impl PartPaths {
    fn new(part: &Part, max_paths: usize) -> Self {
        Self { max_paths, prefix: prefix(part), known: HashSet::new(), is_full: false }
    }

    fn load(
        part: &Part,
        max_paths: usize,
        searcher: &Searcher,
        field: Field,
    ) -> tantivy::Result<Self> {
        let mut paths = Self::new(part, max_paths);
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(field)?;
            paths.is_full |= index.terms().get(full_term(paths.prefix))?.is_some();
            let mut terms = index.terms().range().ge(paths.prefix).into_stream()?;
            while terms.advance() {
                let Some(path) = terms.key().strip_prefix(&paths.prefix) else { break };
                paths.known.insert(String::from_utf8_lossy(path).into_owned());
            }
        }
        Ok(paths)
    }

    /// Decides whether an attribute of an entry of the part has a column.
    pub(super) fn decide(&mut self, path: &str) -> Decision {
        if self.known.contains(path) {
            return Decision::Column;
        }
        if self.is_full {
            return Decision::None;
        }
        if self.known.len() >= self.max_paths {
            self.is_full = true;
            return Decision::PartIsFull(full_term(self.prefix));
        }
        self.known.insert(path.to_owned());
        Decision::NewColumn(path_term(self.prefix, path))
    }
}

/// The paths that have columns on any day, sorted.
pub(super) fn all(searcher: &Searcher, field: Field) -> tantivy::Result<Vec<String>> {
    let mut paths = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(field)?;
        let mut terms = index.terms().range().lt([FULL]).into_stream()?;
        while terms.advance() {
            if let Some((_, path)) = terms.key().split_first_chunk::<PREFIX_BYTES>() {
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
    let mut full = BTreeSet::<Prefix>::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(field)?;
        let mut terms = index.terms().range().ge([FULL]).into_stream()?;
        while terms.advance() {
            full.extend(Prefix::try_from(&terms.key()[1..]));
        }
    }
    let mut without = BTreeSet::new();
    for prefix in full {
        let term = Term::from_field_bytes(field, &path_term(prefix, path));
        if searcher.doc_freq(&term)? == 0 {
            without.extend(prefix.first_chunk().map(|day| Day::from_bytes(*day)));
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

fn prefix(part: &Part) -> Prefix {
    let mut prefix = [0; PREFIX_BYTES];
    prefix[..Day::BYTES].copy_from_slice(&part.day.to_bytes());
    prefix[Day::BYTES..].copy_from_slice(&part.class.id());
    prefix
}

fn path_term(prefix: Prefix, path: &str) -> Vec<u8> {
    [&prefix, path.as_bytes()].concat()
}

fn full_term(prefix: Prefix) -> Vec<u8> {
    [&[FULL][..], &prefix].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(day: &str, max_paths: usize) -> PartPaths {
        let part = Part { day: day.parse().unwrap(), class: Class::DEFAULT };
        PartPaths::new(&part, max_paths)
    }

    #[test]
    fn the_first_paths_of_each_part_have_columns() {
        let (mut monday, mut tuesday) = (paths("2024-06-10", 1), paths("2024-06-11", 1));
        assert!(matches!(monday.decide("a"), Decision::NewColumn(_)));
        assert_eq!(monday.decide("a"), Decision::Column);
        assert!(matches!(monday.decide("b"), Decision::PartIsFull(_)));
        assert_eq!(monday.decide("b"), Decision::None);
        assert_eq!(monday.decide("a"), Decision::Column);
        assert!(matches!(tuesday.decide("b"), Decision::NewColumn(_)));
    }

    #[test]
    fn no_path_has_a_column_if_the_maximum_is_zero() {
        let mut monday = paths("2024-06-10", 0);
        assert!(matches!(monday.decide("a"), Decision::PartIsFull(_)));
        assert_eq!(monday.decide("a"), Decision::None);
    }
}
