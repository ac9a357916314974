//! Finds entries by an attribute.

use std::collections::HashSet;
use std::ops::Bound;

use tantivy::query::{EmptyQuery, FastFieldRangeQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, SegmentReader, TERMINATED, Term};

use super::terms::TermsQuery;
use super::{Clause, Target, any, rejected, term};
use crate::error::Result;
use crate::index::tantivy::column_paths::{column_name, days_without_column};
use crate::index::tantivy::document::comparable;
use crate::index::tantivy::schema::Columns;
use crate::index::tantivy::{classify, keyword};
use crate::log_entry::Day;
use crate::query::{self, Attribute, AttributeTest, Range};

pub(super) fn query(target: Target<'_>, attribute: &Attribute) -> Result<Clause> {
    let (path, fields) = (&attribute.path, target.fields);
    Ok(match &attribute.test {
        AttributeTest::AnyOf(values) => {
            let terms = values.iter().map(|value| keyword::attribute(path, value));
            any(terms.map(|bytes| term(fields.attributes, &bytes)).collect())
        }
        AttributeTest::Prefix(stem) => {
            Box::new(TermsQuery::prefix(&[fields.attributes], &keyword::attribute(path, stem)))
        }
        AttributeTest::Exists => term(fields.attributes, &keyword::attribute_exists(path)),
        AttributeTest::Numbers(range) => {
            check_column(target, path)?;
            number_range(fields.numbers, path, range)
        }
        AttributeTest::Strings(range) => {
            check_column(target, path)?;
            string_range(fields.strings, path, range)
        }
    })
}

fn number_range(field: Field, path: &str, range: &Range<f64>) -> Clause {
    // Numbers in JSON are finite.
    let lower = range.lower.as_ref().map_or(Bound::Included(f64::MIN), bound);
    let upper = range.upper.as_ref().map_or(Bound::Included(f64::MAX), bound);
    column_range(field, path, lower, upper, |term, number| {
        term.append_type_and_fast_value(comparable(*number));
    })
}

fn string_range(field: Field, path: &str, range: &Range<String>) -> Clause {
    let lower = range.lower.as_ref().map_or(Bound::Included(String::new()), bound);
    let upper = range.upper.as_ref().map_or(Bound::Unbounded, bound);
    column_range(field, path, lower, upper, |term, text| term.append_type_and_str(text))
}

fn bound<T: Clone>(bound: &query::Bound<T>) -> Bound<T> {
    if bound.is_inclusive {
        Bound::Included(bound.value.clone())
    } else {
        Bound::Excluded(bound.value.clone())
    }
}

fn column_range<T: PartialOrd>(
    field: Field,
    path: &str,
    lower: Bound<T>,
    upper: Bound<T>,
    append: impl Fn(&mut Term, &T),
) -> Clause {
    if is_empty(&lower, &upper) {
        return Box::new(EmptyQuery);
    }
    let term = |value: T| {
        let mut term = Term::from_field_json_path(field, &column_name(path), false);
        append(&mut term, &value);
        term
    };
    Box::new(FastFieldRangeQuery::new(lower.map(term), upper.map(term)))
}

/// Whether no value can be in the range.
fn is_empty<T: PartialOrd>(lower: &Bound<T>, upper: &Bound<T>) -> bool {
    match (lower, upper) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
        (
            Bound::Included(lower) | Bound::Excluded(lower),
            Bound::Included(upper) | Bound::Excluded(upper),
        ) => lower >= upper,
    }
}

/// Checks that every attribute with the path is in a column.
///
/// # Errors
/// [`Error::Rejected`](crate::Error::Rejected) when one is not.
fn check_column(target: Target<'_>, path: &str) -> Result<()> {
    let Target { fields, searcher, attributes_max } = target;
    let days = days_without_column(searcher, fields.column_paths, path).map_err(classify)?;
    if days.is_empty() {
        return Ok(());
    }
    for segment in searcher.segment_readers() {
        if exists_on(segment, fields.attributes, path, &days).map_err(classify)? {
            return Err(rejected(format!(
                "attribute {path} is not among the INDEX_ATTRIBUTES_MAX={attributes_max} attributes of \
                 its day that support ranges; compare it for equality instead"
            )));
        }
    }
    Ok(())
}

/// Whether the segment has an entry with the path that arrived on one of the days.
fn exists_on(
    segment: &SegmentReader,
    attributes: Field,
    path: &str,
    days: &HashSet<Day>,
) -> tantivy::Result<bool> {
    let columns = Columns::open(segment)?;
    let all = columns.days();
    if !days.iter().any(|day| all.contains(day)) {
        return Ok(false);
    }
    let term = Term::from_field_bytes(attributes, &keyword::attribute_exists(path));
    let index = segment.inverted_index(attributes)?;
    let Some(mut docs) = index.read_postings(&term, IndexRecordOption::Basic)? else {
        return Ok(false);
    };
    while docs.doc() != TERMINATED {
        if days.contains(&columns.day(docs.doc())) {
            return Ok(true);
        }
        docs.advance();
    }
    Ok(false)
}
