//! The query parameters of a search.

use poem_openapi::registry::MetaSchema;
use shared::http::{Parameter, ParameterType, Parameters, Problem, Reader, WholeNumber};
use shared::log_entry::{FieldError, ServiceName, TraceId, ValidationError};
use shared::query::{
    Condition, Keyword, KeywordTest, MAX_QUERY_CHARS, QueryError, TimeExpression, TimeRange, parse,
};
use shared::search::{Cursor, SearchQuery, Sort};
use shared::{Level, Timestamp};

/// The largest page.
const MAX_LIMIT: u32 = 1000;

const Q: Parameter = Parameter {
    name: "q",
    description: "What to find. Words must occur in the message, service name, level, trace id, span \
                  id or an attribute's string or number, ignoring case: `connection timeout`. Quoted \
                  text may begin and end anywhere in the message: `\"tion time\"`. Also: `word*`, \
                  `AND`, `OR`, `NOT` or `-`, parentheses, and fields: `level:>=warn`, \
                  `service_name:payment`, `status:[500 TO 599]`, `user:*`, `timestamp:>=-15m`.",
    example: "connection timeout",
    synonyms: &["query", "search", "text", "message"],
};

const FUZZY: Parameter = Parameter {
    name: "fuzzy",
    description: "Tolerate one typo in words of 3 to 5 characters, and two in words of \
                  6 to 32; at most 16 words are fuzzy. Quoted text is never fuzzy.",
    example: "true",
    synonyms: &[],
};

const SERVICE_NAME: Parameter = Parameter {
    name: "service_name",
    description: "The exact service name. Repeat it to search several services.",
    example: "payment-service",
    synonyms: &["service", "app", "application"],
};

const LEVEL: Parameter = Parameter {
    name: "level",
    description: "The level or a synonym of it: `err` means `ERROR`. Repeat it to \
                  search several levels.",
    example: "error",
    synonyms: &["severity", "loglevel"],
};

const TRACE_ID: Parameter = Parameter {
    name: "trace_id",
    description: "The exact trace id. Repeat it to search several traces.",
    example: "4bf92f3577b34da6a3ce929d0e0e4736",
    synonyms: &["trace", "traceid"],
};

const SPAN_ID: Parameter = Parameter {
    name: "span_id",
    description: "The exact span id. Repeat it to search several spans.",
    example: "00f067aa0ba902b7",
    synonyms: &["span", "spanid"],
};

const FROM: Parameter = Parameter {
    name: "from",
    description: "The earliest timestamp, inclusive: RFC 3339, a day in UTC (`2024-06-14`), or a \
                  time relative to now (`-15m`, `now-1h`; units `s`, `m`, `h`, `d`, `w`).",
    example: "2024-06-14T12:00:00Z",
    synonyms: &["start", "since", "after", "begin"],
};

const TO: Parameter = Parameter {
    name: "to",
    description: "The latest timestamp, exclusive, in the same formats as `from`.",
    example: "2024-06-15T12:00:00+02:00",
    synonyms: &["end", "until", "before"],
};

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
    pub(crate) text: String,
    pub(crate) fuzzy: bool,
    /// The conditions on the service name, level, trace id and span id.
    pub(crate) filters: Condition,
    pub(crate) time: TimeRange,
    pub(crate) highlight: bool,
    pub(crate) sort: Sort,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<Cursor>,
}

impl Parameters for SearchParameters {
    fn read(query: &mut Reader) -> Self {
        let text = query.optional::<Text>(Q).map(|text| text.0).unwrap_or_default();
        let fuzzy = query.with_default(FUZZY, false);
        let service_names = query.many::<ServiceName>(SERVICE_NAME);
        let levels = query.many::<Level>(LEVEL);
        let trace_ids = query.many::<TraceId>(TRACE_ID);
        let span_ids = query.many::<TraceId>(SPAN_ID);
        let from = query.optional::<TimeExpression>(FROM).map(|time| time.start);
        let to = query.optional::<TimeExpression>(TO).map(|time| time.start);
        let filters = [
            any_of(Keyword::ServiceName, service_names.iter().map(ServiceName::as_str)),
            any_of(Keyword::Level, levels.iter().map(Level::as_str)),
            any_of(Keyword::TraceId, trace_ids.iter().map(TraceId::as_str)),
            any_of(Keyword::SpanId, span_ids.iter().map(TraceId::as_str)),
        ];
        Self {
            text,
            fuzzy,
            filters: Condition::All(filters.into_iter().flatten().collect()),
            time: TimeRange { from, to },
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
        let mut condition = parse(&self.text, self.fuzzy, Timestamp::now())
            .map_err(|error| ValidationError::fields(vec![invalid_text(error)]))?
            .and(self.filters.clone());
        if self.time != TimeRange::default() {
            condition = condition.and(Condition::Timestamp(self.time));
        }
        Ok(SearchQuery { condition, sort: self.sort, limit: self.limit, cursor: self.cursor })
    }
}

fn invalid_text(error: QueryError) -> FieldError {
    FieldError { position: Some(error.position), ..FieldError::new(Q.name, error.detail) }
}

/// The condition that a field has one of the values; `None` if there are none.
fn any_of<'a>(field: Keyword, values: impl Iterator<Item = &'a str>) -> Option<Condition> {
    let values: Vec<String> = values.map(str::to_owned).collect();
    (!values.is_empty()).then_some(Condition::Keyword(field, KeywordTest::AnyOf(values)))
}

/// The text of a query.
struct Text(String);

impl ParameterType for Text {
    fn schema() -> MetaSchema {
        MetaSchema { max_length: Some(MAX_QUERY_CHARS), ..MetaSchema::new("string") }
    }

    fn parse(text: String) -> Result<Self, String> {
        if text.chars().nth(MAX_QUERY_CHARS).is_some() {
            return Err(format!("must have at most {MAX_QUERY_CHARS} characters"));
        }
        Ok(Self(text))
    }
}
