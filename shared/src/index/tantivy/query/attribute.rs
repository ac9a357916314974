//! Finds entries by an attribute.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{EmptyQuery, FastFieldRangeQuery};
use tantivy::schema::Field;

use super::terms::TermsQuery;
use super::{Clause, any, term};
use crate::index::tantivy::column_paths::column_name;
use crate::index::tantivy::document::comparable;
use crate::index::tantivy::keyword;
use crate::index::tantivy::schema::Fields;
use crate::query::{self, Attribute, AttributeTest, Range};

pub(super) fn query(fields: &Fields, attribute: &Attribute) -> Clause {
    let path = &attribute.path;
    match &attribute.test {
        AttributeTest::AnyOf(values) => {
            let terms = values.iter().map(|value| keyword::attribute(path, value));
            any(terms.map(|bytes| term(fields.attributes, &bytes)).collect())
        }
        AttributeTest::Prefix(stem) => {
            Box::new(TermsQuery::prefix(&[fields.attributes], &keyword::attribute(path, stem)))
        }
        AttributeTest::Exists => term(fields.attributes, &keyword::attribute_exists_term(path)),
        AttributeTest::Numbers(range) => number_range(fields.numbers, path, range),
        AttributeTest::Strings(range) => string_range(fields.strings, path, range),
    }
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
