//! The query parameters of a search.

use poem_openapi::registry::MetaSchema;
use shared::http::{Parameter, ParameterType, Parameters, Problem, Reader, WholeNumber};
use shared::search::{SearchQuery, Sort};

/// The largest page.
const MAX_LIMIT: u32 = 1000;

const Q: Parameter = Parameter {
    name: "q",
    description: "Words, all of which must occur in the entry's message, service name \
                  or level, in any case. A word with inner punctuation \
                  (`payment-service`, `10.0.0.1`) matches its parts as a phrase.",
    example: "connection timeout",
    synonyms: &["query", "search", "text", "message"],
};

const FUZZY: Parameter = Parameter {
    name: "fuzzy",
    description: "Tolerate one typo in words of 3 to 5 characters, and two in words of \
                  6 to 32; at most 16 words are fuzzy.",
    example: "true",
    synonyms: &[],
};

const SERVICE_NAME: Parameter = Parameter {
    name: "service_name",
    description: "The exact service name. Repeat it to search several services.",
    example: "payment-service",
    synonyms: &["app", "application"],
};

const LEVEL: Parameter = Parameter {
    name: "level",
    description: "The level or a synonym of it: `err` means `ERROR`. Repeat it to \
                  search several levels.",
    example: "error",
    synonyms: &["severity", "loglevel"],
};

const FROM: Parameter = Parameter {
    name: "from",
    description: "The earliest timestamp, inclusive (RFC 3339).",
    example: "2024-06-14T12:00:00Z",
    synonyms: &["start", "since", "after", "begin"],
};

const TO: Parameter = Parameter {
    name: "to",
    description: "The latest timestamp, exclusive (RFC 3339).",
    example: "2024-06-15T12:00:00+02:00",
    synonyms: &["end", "until", "before"],
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

/// The query that the parameters describe.
pub(crate) struct SearchParameters(SearchQuery);

impl Parameters for SearchParameters {
    fn read(query: &mut Reader) -> Self {
        let text = query.optional::<Text>(Q).map(|text| text.0);
        Self(SearchQuery {
            text: text.filter(|text| !text.trim().is_empty()),
            fuzzy: query.with_default(FUZZY, false),
            service_names: query.many(SERVICE_NAME),
            levels: query.many(LEVEL),
            from: query.optional(FROM),
            to: query.optional(TO),
            sort: query.with_default(SORT, Sort::Newest),
            limit: query.with_default(LIMIT, WholeNumber::<1, MAX_LIMIT>(100)).0 as usize,
            cursor: query.optional(CURSOR),
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
