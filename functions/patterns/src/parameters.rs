//! The query parameters: the filters of a search, the number of patterns, and since when they are new.

use shared::Timestamp;
use shared::http::{Filters, Parameter, Parameters, Reader, WholeNumber};
use shared::query::TimeExpression;

/// The maximum number of patterns.
pub(crate) const MAX_LIMIT: u32 = 1000;

const LIMIT: Parameter = Parameter {
    name: "limit",
    description: "The maximum number of patterns.",
    example: "20",
    synonyms: &["size", "count", "top"],
};

const NEW_SINCE: Parameter = Parameter {
    name: "new_since",
    description: "Return only patterns that no entry had before this time, among those that match the \
                  other filters. The same formats as `from`, which it replaces if `from` is absent.",
    example: "2024-06-14T00:00:00Z",
    synonyms: &["since", "new", "first_seen"],
};

/// The values of the parameters.
pub(crate) struct PatternsParameters {
    pub(crate) filters: Filters,
    pub(crate) limit: usize,
    pub(crate) new_since: Option<Timestamp>,
}

impl Parameters for PatternsParameters {
    fn read(query: &mut Reader) -> Self {
        let mut filters = Filters::read(query);
        let limit = query.with_default(LIMIT, WholeNumber::<1, MAX_LIMIT>(50)).0 as usize;
        let new_since = query.optional::<TimeExpression>(NEW_SINCE).map(|time| time.start);
        filters.time.from = filters.time.from.or(new_since);
        Self { filters, limit, new_since }
    }
}
