//! The query parameters: how many neighbours, and of what.

use poem_openapi::registry::MetaSchema;
use serde_json::Value;
use shared::http::{Parameter, ParameterType, Parameters, Reader, WholeNumber, choices, choose};

/// The maximum number of entries on each side.
const MAX_NEIGHBOURS: u32 = 1000;

const BEFORE: Parameter = Parameter {
    name: "before",
    description: "The maximum number of entries before the entry.",
    example: "10",
    synonyms: &["earlier", "previous"],
};

const AFTER: Parameter = Parameter {
    name: "after",
    description: "The maximum number of entries after the entry.",
    example: "10",
    synonyms: &["later", "next"],
};

const SCOPE: Parameter = Parameter {
    name: "scope",
    description: "`service`: entries of the same service. `trace`: entries of the same trace, of \
                  any service; none if the entry has no `trace_id`.",
    example: "service",
    synonyms: &["by", "same"],
};

/// The values of the parameters.
pub(crate) struct ContextParameters {
    pub(crate) before: usize,
    pub(crate) after: usize,
    pub(crate) scope: Scope,
}

/// What the entries have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The service name.
    Service,
    /// The trace id.
    Trace,
}

impl Parameters for ContextParameters {
    fn read(query: &mut Reader) -> Self {
        let default = WholeNumber::<0, MAX_NEIGHBOURS>(10);
        Self {
            before: query.with_default(BEFORE, default).0 as usize,
            after: query.with_default(AFTER, default).0 as usize,
            scope: query.with_default(SCOPE, Scope::Service),
        }
    }
}

impl Scope {
    const ALL: [Self; 2] = [Self::Service, Self::Trace];

    fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Trace => "trace",
        }
    }
}

impl From<Scope> for Value {
    fn from(scope: Scope) -> Self {
        scope.as_str().into()
    }
}

impl ParameterType for Scope {
    fn schema() -> MetaSchema {
        choices("ContextScope", Self::ALL)
    }

    fn parse(text: String) -> Result<Self, String> {
        choose(&text, &Self::ALL, Self::as_str)
    }
}
