//! The query parameters of a search.

use poem_openapi::registry::MetaSchema;
use serde_json::json;
use shared::http::{Parameter, ParameterType, Parameters, Problem, Reader, WholeNumber};
use shared::search::{SearchQuery, Sort};

/// The largest page.
const MAX_LIMIT: u32 = 1000;

/// The query that the parameters describe.
pub(crate) struct SearchParameters(SearchQuery);

impl Parameters for SearchParameters {
    fn read(query: &mut Reader) -> Self {
        let text: Option<Text> = query.optional(Parameter {
            name: "q",
            description: "Words, all of which must occur in the entry's message, service name or \
                          level, in any case. A word with inner punctuation (`payment-service`, \
                          `10.0.0.1`) matches its parts as a phrase.",
            example: json!("connection timeout"),
        });
        let fuzzy = query.with_default(
            Parameter {
                name: "fuzzy",
                description: "Tolerate one typo in words of 3 to 5 characters, and two in longer \
                              ones.",
                example: json!(true),
            },
            false,
        );
        let service_names = query.many(Parameter {
            name: "service_name",
            description: "The exact service name. Repeat it to search several services.",
            example: json!(["payment-service"]),
        });
        let levels = query.many(Parameter {
            name: "level",
            description: "The level or a synonym of it: `err` means `ERROR`. Repeat it to search \
                          several levels.",
            example: json!(["error", "warn"]),
        });
        let from = query.optional(Parameter {
            name: "from",
            description: "The earliest timestamp, inclusive (RFC 3339).",
            example: json!("2024-06-14T12:00:00Z"),
        });
        let to = query.optional(Parameter {
            name: "to",
            description: "The latest timestamp, exclusive (RFC 3339).",
            example: json!("2024-06-15T12:00:00+02:00"),
        });
        let sort = query.with_default(
            Parameter {
                name: "sort",
                description: "The order of the hits.",
                example: json!("newest"),
            },
            Sort::Newest,
        );
        let limit = query.with_default(
            Parameter {
                name: "limit",
                description: "The maximum number of entries on a page.",
                example: json!(20),
            },
            WholeNumber::<1, MAX_LIMIT>(100),
        );
        let cursor = query.optional(Parameter {
            name: "cursor",
            description: "The `next_cursor` of the previous page. Not supported with \
                          `sort=relevance`.",
            example: json!("AAYa2Frs8kABkBY9hpRzm66llmwm-K2R"),
        });
        Self(SearchQuery {
            text: text.map(|text| text.0).filter(|text| !text.trim().is_empty()),
            fuzzy,
            service_names,
            levels,
            from,
            to,
            sort,
            limit: limit.0 as usize,
            cursor,
        })
    }
}

impl SearchParameters {
    /// The query, if its parameters can be combined.
    ///
    /// # Errors
    /// 400: the order does not support a cursor.
    pub(crate) fn into_query(self) -> Result<SearchQuery, Problem> {
        let query = self.0;
        if query.sort == Sort::Relevance && query.cursor.is_some() {
            return Err(Problem::bad_parameter("cursor", "is not supported with sort=relevance"));
        }
        Ok(query)
    }
}

/// The text to search for. An empty one is no condition.
struct Text(String);

impl Text {
    const MAX_CHARS: usize = 1024;
}

impl ParameterType for Text {
    fn schema() -> MetaSchema {
        MetaSchema { max_length: Some(Self::MAX_CHARS), ..MetaSchema::new("string") }
    }

    fn parse(text: String) -> Result<Self, String> {
        if text.chars().nth(Self::MAX_CHARS).is_some() {
            return Err(format!("must have at most {} characters", Self::MAX_CHARS));
        }
        Ok(Self(text))
    }
}
