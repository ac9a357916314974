//! The query parameters: the filters of a search, the order, and the format.

use poem_openapi::registry::MetaSchema;
use serde_json::Value;
use shared::http::{
    Filters, Parameter, ParameterType, Parameters, Reader, WholeNumber, choices, choose,
};
use shared::search::Sort;

use crate::format::Format;

/// The largest `limit`.
const MAX_LIMIT: u32 = 1_000_000_000;

const SORT: Parameter = Parameter {
    name: "sort",
    description: "The order in which the entries are written.",
    example: "newest",
    synonyms: &["order"],
};

const LIMIT: Parameter = Parameter {
    name: "limit",
    description: "The maximum number of entries. Default: all.",
    example: "1000",
    synonyms: &["size", "count"],
};

const FORMAT: Parameter = Parameter {
    name: "format",
    description: "`ndjson`: one JSON object per line. `csv`: RFC 4180 with a header; `attributes` \
                  is JSON. Default: the first of the two in `Accept`, or else `ndjson`.",
    example: "ndjson",
    synonyms: &["type", "output"],
};

/// The values of the parameters.
pub(crate) struct ExportParameters {
    pub(crate) filters: Filters,
    pub(crate) sort: TimeOrder,
    pub(crate) limit: Option<usize>,
    pub(crate) format: Option<Format>,
}

/// An order of entries that supports cursors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeOrder(Sort);

impl Parameters for ExportParameters {
    fn read(query: &mut Reader) -> Self {
        let limit = |number: WholeNumber<1, MAX_LIMIT>| number.0 as usize;
        Self {
            filters: Filters::read(query),
            sort: query.with_default(SORT, TimeOrder(Sort::Newest)),
            limit: query.optional(LIMIT).map(limit),
            format: query.optional(FORMAT),
        }
    }
}

impl TimeOrder {
    const ALL: [Self; 2] = [Self(Sort::Newest), Self(Sort::Oldest)];
}

impl ParameterType for TimeOrder {
    fn schema() -> MetaSchema {
        choices("ExportOrder", Self::ALL)
    }

    fn parse(text: String) -> Result<Self, String> {
        choose(&text, &Self::ALL, |TimeOrder(sort)| sort.as_str())
    }
}

impl From<TimeOrder> for Sort {
    fn from(TimeOrder(sort): TimeOrder) -> Self {
        sort
    }
}

impl From<TimeOrder> for Value {
    fn from(TimeOrder(sort): TimeOrder) -> Self {
        sort.as_str().into()
    }
}
