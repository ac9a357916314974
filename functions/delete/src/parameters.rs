//! The query parameters of a deletion by query.

use shared::http::{Filters, Parameter, Parameters, Reader};

const DRY_RUN: Parameter = Parameter {
    name: "dry_run",
    description: "Only count the entries.",
    example: "true",
    synonyms: &["dryrun", "dry-run", "preview"],
};

/// The values of the parameters.
pub(crate) struct DeleteParameters {
    pub(crate) filters: Filters,
    pub(crate) dry_run: bool,
}

impl Parameters for DeleteParameters {
    fn read(query: &mut Reader) -> Self {
        Self { filters: Filters::read(query), dry_run: query.with_default(DRY_RUN, false) }
    }
}
