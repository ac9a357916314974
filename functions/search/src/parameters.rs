//! The query parameters of a search.

use shared::http::{Filters, Parameter, Parameters, Problem, Reader, WholeNumber};
use shared::search::{Cursor, SearchQuery, Sort};

/// The largest page.
const MAX_LIMIT: u32 = 1000;

const HIGHLIGHT: Parameter = Parameter {
    name: "highlight",
    description: "Return what matched in each entry: ranges of its message, and the paths of its \
                  attributes.",
    example: "true",
    synonyms: &["highlights", "hl"],
};

const SORT: Parameter = Parameter {
    name: "sort",
    description: "The order of the hits.",
    example: "newest",
    synonyms: &["order"],
};

const LIMIT: Parameter = Parameter {
    name: "limit",
    description: "The maximum number of entries on a page.",
    example: "20",
    synonyms: &["size", "count", "per_page"],
};

const CURSOR: Parameter = Parameter {
    name: "cursor",
    description: "The `next_cursor` of the previous page. Send the other parameters \
                  again, unchanged. Not supported with `sort=relevance`.",
    example: "AAYa2Frs8kABkBY9hpRzm66llmwm-K2R",
    synonyms: &["offset", "page", "next_cursor"],
};

/// The values of the parameters.
#[derive(Clone)]
pub(crate) struct SearchParameters {
    pub(crate) filters: Filters,
    pub(crate) highlight: bool,
    pub(crate) sort: Sort,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<Cursor>,
}

impl Parameters for SearchParameters {
    fn read(query: &mut Reader) -> Self {
        Self {
            filters: Filters::read(query),
            highlight: query.with_default(HIGHLIGHT, false),
            sort: query.with_default(SORT, Sort::Newest),
            limit: query.with_default(LIMIT, WholeNumber::<1, MAX_LIMIT>(100)).0 as usize,
            cursor: query.optional(CURSOR),
        }
    }
}

impl SearchParameters {
    /// Converts the parameters to a query.
    ///
    /// # Errors
    /// When `q` is invalid, or the sort order does not support a cursor.
    pub(crate) fn to_query(&self) -> Result<SearchQuery, Problem> {
        if self.sort == Sort::Relevance && self.cursor.is_some() {
            return Err(Problem::bad_parameter("cursor", "is not supported with sort=relevance"));
        }
        let condition = self.filters.condition()?;
        Ok(SearchQuery { condition, sort: self.sort, limit: self.limit, cursor: self.cursor })
    }
}
