//! The query parameters: the filters of a search, and how many values to return.

use shared::http::{Filters, Parameter, Parameters, Reader, WholeNumber};

/// The maximum number of values per field.
const MAX_VALUES: u32 = 20;

const VALUES: Parameter = Parameter {
    name: "values",
    description: "The maximum number of values per field.",
    example: "5",
    synonyms: &["limit", "top", "size"],
};

/// The values of the parameters.
pub(crate) struct FieldsParameters {
    pub(crate) filters: Filters,
    pub(crate) values: usize,
}

impl Parameters for FieldsParameters {
    fn read(query: &mut Reader) -> Self {
        let default = WholeNumber::<0, MAX_VALUES>(5);
        Self {
            filters: Filters::read(query),
            values: query.with_default(VALUES, default).0 as usize,
        }
    }
}
