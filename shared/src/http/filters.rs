//! The query parameters that select entries, which several operations share.

use poem_openapi::registry::MetaSchema;

use super::problem::Problem;
use super::query::{Parameter, ParameterType, Reader};
use crate::error::Error;
use crate::log_entry::{FieldError, Level, ServiceName, Timestamp, TraceId, ValidationError};
use crate::query::{
    Condition, Keyword, KeywordTest, MAX_QUERY_CHARS, QueryError, TimeExpression, TimeRange, parse,
};

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

/// Which entries an operation concerns.
#[derive(Debug, Clone)]
pub struct Filters {
    /// What to find: `q`.
    pub text: String,
    /// Whether words may contain typos.
    pub fuzzy: bool,
    /// The conditions on the service name, level, trace id and span id.
    pub fields: Condition,
    /// The range of timestamps.
    pub time: TimeRange,
}

impl Filters {
    /// Reads the parameters.
    pub fn read(query: &mut Reader) -> Self {
        let filters = Self::read_without_time(query);
        let from = query.optional::<TimeExpression>(FROM).map(|time| time.start);
        let to = query.optional::<TimeExpression>(TO).map(|time| time.start);
        Self { time: TimeRange { from, to }, ..filters }
    }

    /// Reads the parameters for operations that do not select a range of time.
    pub fn read_without_time(query: &mut Reader) -> Self {
        let text = query.optional::<Text>(Q).map(|text| text.0).unwrap_or_default();
        let fuzzy = query.with_default(FUZZY, false);
        let service_names = query.many::<ServiceName>(SERVICE_NAME);
        let levels = query.many::<Level>(LEVEL);
        let trace_ids = query.many::<TraceId>(TRACE_ID);
        let span_ids = query.many::<TraceId>(SPAN_ID);
        let fields = [
            any_of(Keyword::ServiceName, service_names.iter().map(ServiceName::as_str)),
            any_of(Keyword::Level, levels.iter().map(Level::as_str)),
            any_of(Keyword::TraceId, trace_ids.iter().map(TraceId::as_str)),
            any_of(Keyword::SpanId, span_ids.iter().map(TraceId::as_str)),
        ];
        let fields = Condition::All(fields.into_iter().flatten().collect());
        Self { text, fuzzy, fields, time: TimeRange::default() }
    }

    /// The condition that the entries meet.
    ///
    /// # Errors
    /// When `q` is invalid.
    pub fn condition(&self) -> Result<Condition, Problem> {
        Ok(self.condition_at_any_time()?.within(self.time))
    }

    /// The condition that the entries meet, without the range of timestamps.
    pub(super) fn condition_at_any_time(&self) -> Result<Condition, Problem> {
        let text = parse(&self.text, self.fuzzy, Timestamp::now())
            .map_err(|error| ValidationError::fields(vec![invalid_text(error)]))?;
        Ok(text.and(self.fields.clone()))
    }

    /// The problem for an index's error. A query that the index rejects is a client error, with the
    /// index's reason as the detail.
    #[must_use]
    pub fn problem(error: Error) -> Problem {
        match error {
            Error::Rejected { source, .. } => Problem::bad_parameter(Q.name, source.to_string()),
            error => error.into(),
        }
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
