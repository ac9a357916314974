//! Divides templates with the same number of tokens into groups that differ only in values.

use std::collections::BTreeMap;

/// A column with at least this many different words contains values.
const MIN_VALUES: usize = 4;

/// The same for the first column, which usually says what the message is about.
const MIN_FIRST_VALUES: usize = 8;

/// A token's number. Tokens are the same if their numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Token {
    pub(super) number: u32,
    /// Whether the token probably contains a value.
    pub(super) has_value: bool,
    /// Whether the token has a letter that is not part of a placeholder.
    pub(super) is_word: bool,
}

/// Divides the rows, which have the same number of tokens, into groups. Each group is a list of
/// positions in `rows`.
pub(super) fn partition(rows: &[&[Token]]) -> Vec<Vec<usize>> {
    let mut groups = Vec::new();
    let mut sets = vec![(0..rows.len()).collect::<Vec<usize>>()];
    while let Some(set) = sets.pop() {
        match best_split(rows, &set) {
            Some(column) => sets.extend(split(rows, &set, column)),
            None => groups.push(set),
        }
    }
    groups
}

/// Whether rows that differ only in these columns are one group.
pub(super) fn is_group(first: &[Token], differing: &[Column]) -> bool {
    let equal = first.len() - differing.len();
    let is_different = |index: &usize| differing.iter().any(|column| column.index == *index);
    let has_word = (0..first.len()).any(|index| first[index].is_word && !is_different(&index));
    differing.is_empty()
        || (equal >= differing.len() && has_word && differing.iter().all(Column::has_values))
}

/// A column in which rows differ.
pub(super) struct Column {
    index: usize,
    /// The number of different tokens.
    distinct: usize,
    /// The number of different tokens without a value.
    words: usize,
}

impl Column {
    /// The column of these rows; `None` if all have the same token.
    pub(super) fn of<'t>(index: usize, rows: impl Iterator<Item = &'t [Token]>) -> Option<Self> {
        let mut rows = rows;
        let first = rows.next()?[index];
        let mut tokens: Vec<Token> = rows.map(|row| row[index]).filter(|t| *t != first).collect();
        if tokens.is_empty() {
            return None;
        }
        tokens.push(first);
        tokens.sort_unstable();
        tokens.dedup();
        let words = tokens.iter().filter(|token| !token.has_value).count();
        Some(Self { index, distinct: tokens.len(), words })
    }

    /// Whether the tokens are values rather than the words of different messages.
    fn has_values(&self) -> bool {
        let min = if self.index == 0 { MIN_FIRST_VALUES } else { MIN_VALUES };
        self.words <= 1 || self.distinct >= min
    }
}

/// The column by which to split the set; `None` if it is a group.
fn best_split(rows: &[&[Token]], set: &[usize]) -> Option<usize> {
    let first = rows[*set.first()?];
    let rows = || set.iter().map(|row| rows[*row]);
    let columns = (0..first.len()).filter_map(|index| Column::of(index, rows()));
    let columns: Vec<Column> = columns.collect();
    if is_group(first, &columns) {
        return None;
    }
    let best = columns.iter().min_by_key(|column| (column.has_values(), column.distinct));
    best.map(|column| column.index)
}

fn split(rows: &[&[Token]], set: &[usize], column: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut parts: BTreeMap<Token, Vec<usize>> = BTreeMap::new();
    for row in set {
        parts.entry(rows[*row][column]).or_default().push(*row);
    }
    parts.into_values()
}
