//! Rejects a range on an attribute that has no column on some day, if this matters.

use std::collections::BTreeSet;
use std::ops::Bound;

use tantivy::query::{EnableScoring, Occur, RangeQuery};
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

use super::{Clause, Translation, all, any, filter};
use crate::error::Result;
use crate::index::missing_columns;
use crate::index::tantivy::column_paths::days_without_column;
use crate::index::tantivy::schema::{Columns, id_halves};
use crate::index::tantivy::{alive, classify};
use crate::log_entry::{Day, EntryId, Timestamp};
use crate::query::Condition;

impl Translation<'_> {
    /// Checks that every attribute on which a hit may depend has a column where there is a range
    /// on it.
    ///
    /// # Errors
    /// [`Error::Rejected`](crate::Error::Rejected) when one does not.
    pub(super) fn check_ranges(&self, condition: &Condition) -> Result<()> {
        let (fields, searcher) = (self.target.fields, self.target.searcher);
        let mut days = Vec::new();
        for path in missing_columns::range_paths(condition) {
            let without = days_without_column(searcher, fields.column_paths, path);
            days.push((path, without.map_err(classify)?));
        }
        for (paths, days) in missing_columns::by_paths(days) {
            for path in &paths {
                let undecided = missing_columns::undecided(condition, &paths, path);
                let on_days = filter(arrived_on(fields.id_high, &days));
                let undecided = all(vec![self.required(&undecided)?, (Occur::Must, on_days)]);
                let days = days_of_arrival(searcher, &undecided).map_err(classify)?;
                self.checks.result()?;
                if !days.is_empty() {
                    return Err(missing_columns::error(path, &days));
                }
            }
        }
        Ok(())
    }
}

/// Finds the entries that arrived on the days. Consecutive days are one range.
fn arrived_on(id_high: Field, days: &BTreeSet<Day>) -> Clause {
    let mut spans: Vec<(Day, Day)> = Vec::new();
    for day in days {
        match spans.last_mut() {
            Some((_, last)) if last.next() == *day => *last = *day,
            _ => spans.push((*day, *day)),
        }
    }
    let last_before = |time: Timestamp| {
        EntryId::last_before(time).map(|id| Term::from_field_u64(id_high, id_halves(id).0))
    };
    let ranges = spans.into_iter().map(|(first, last)| -> Clause {
        Box::new(RangeQuery::new(
            last_before(first.start()).map_or(Bound::Unbounded, Bound::Excluded),
            last_before(last.end()).map_or(Bound::Unbounded, Bound::Included),
        ))
    });
    any(ranges.collect())
}

/// The days on which the entries that the query finds arrived.
fn days_of_arrival(searcher: &Searcher, query: &Clause) -> tantivy::Result<BTreeSet<Day>> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    let mut days = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let columns = Columns::open(segment)?;
        alive::for_each(weight.as_ref(), segment, |docs| {
            days.extend(docs.iter().map(|doc| columns.day(*doc)));
        })?;
    }
    Ok(days)
}
